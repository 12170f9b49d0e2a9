"""The slate's logged probabilities against an independent determinant, and against 100,000 redraws."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import chisquare

from tests.unit.examples import NAMES, base_policy, build_state, build_view, policy_with, random_closes
from tradeops.coordination import propensities, slate
from tradeops.coordination.draws import draw_uniform
from tradeops.coordination.slate import draw_slate, rank_candidates, select_slate
from tradeops.domain.errors import DataError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import CycleId, InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.domain.policy import SlatePolicy
from tradeops.domain.slates import Slate

POLICY = base_policy().slate
CYCLE = CycleId("c" * 64)
EDGES = np.array([0.002, 0.0015, 0.001, -0.001])
CORRELATION = np.array([[1, 0.6, 0.1, 0], [0.6, 1, 0.2, 0], [0.1, 0.2, 1, 0.3], [0, 0, 0.3, 1.0]])


def analytic_step(
    edges: FloatArray, correlation: FloatArray, policy: SlatePolicy, before: Sequence[int]
) -> tuple[list[int], FloatArray]:
    """Who is left, and the probability of each: by determinants, softmax by scipy."""
    spread = edges.std()
    quality = np.exp(policy.quality * ((edges - edges.mean()) / spread if spread > 0 else 0 * edges))
    similarity = 0.95 * correlation + 0.05 * np.eye(len(edges))
    kernel = quality[:, None] * quality[None, :] * similarity
    left = [i for i in range(len(edges)) if i not in before]
    gains = [_log_det(kernel, [*before, i]) - _log_det(kernel, before) for i in left]
    chances = (1 - policy.exploration) * softmax(np.array(gains) / policy.temperature)
    return left, chances + policy.exploration / len(left)


def _log_det(kernel: FloatArray, rows: Sequence[int]) -> float:
    return float(np.linalg.slogdet(kernel[np.ix_(rows, rows)])[1]) if len(rows) else 0.0


def check_propensities(found: Slate, edges: FloatArray, correlation: FloatArray, policy: SlatePolicy) -> None:
    before: list[int] = []
    for draw in found.draws:
        left, chances = analytic_step(edges, correlation, policy, before)
        assert draw.candidates == tuple(found.candidates[i] for i in left)
        np.testing.assert_allclose(draw.probabilities, chances, rtol=0, atol=1e-12)
        assert min(draw.probabilities) >= policy.exploration / len(left)
        before.append(found.candidates.index(draw.chosen))


@st.composite
def problems(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    count = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    common = rng.normal(size=(40, 1)) * draw(st.sampled_from((0.0, 1.0, 10.0)))
    correlation = np.atleast_2d(np.corrcoef((common + rng.normal(size=(40, count))).T))
    edges = rng.normal(size=count) * draw(st.sampled_from((0.0, 1e-4, 1.0)))
    return np.sort(edges)[::-1].copy(), correlation


def names_of(count: int) -> tuple[InstrumentId, ...]:
    return tuple(InstrumentId(f"N{i}") for i in range(count))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(problems(), st.integers(0, 1000))
def test_logged_propensities_are_the_analytic_ones(problem: tuple[FloatArray, FloatArray], number: int) -> None:
    edges, correlation = problem
    found = draw_slate(CycleId(str(number)), names_of(len(edges)), edges, correlation, POLICY)
    assert len(set(found.chosen)) == min(3, len(edges))
    check_propensities(found, edges, correlation, POLICY)


@pytest.mark.parametrize("exploration", [0.04, 0.06])
def test_mutant_with_the_wrong_exploration_is_found(exploration: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def mix_wrongly(gains: Sequence[float], **given: float) -> tuple[float, ...]:
        return propensities.mix_probabilities(gains, **{**given, "exploration": exploration})

    monkeypatch.setattr(slate, "mix_probabilities", mix_wrongly)
    found = draw_slate(CYCLE, names_of(4), EDGES, CORRELATION, POLICY)
    with pytest.raises(AssertionError):
        check_propensities(found, EDGES, CORRELATION, POLICY)


def test_mutant_without_diversity_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slate, "condition_on", lambda similarity, factors, variance, chosen: (variance, variance))
    found = draw_slate(CYCLE, names_of(4), EDGES, CORRELATION, POLICY)
    with pytest.raises(AssertionError):
        check_propensities(found, EDGES, CORRELATION, POLICY)


REDRAWS = 100_000
PAIRS = replace(POLICY, size=2, temperature=2.0)


def redraw_p_value(redraws: int = REDRAWS) -> float:
    """How likely counts as far from the analytic probabilities of ordered pairs as these are."""
    names = names_of(4)
    counts = Counter(
        draw_slate(CycleId(f"redraw {number}"), names, EDGES, CORRELATION, PAIRS).chosen for number in range(redraws)
    )
    expected = {}
    for first, second in itertools.permutations(range(4), 2):
        left, chances = analytic_step(EDGES, CORRELATION, PAIRS, [])
        rest, then = analytic_step(EDGES, CORRELATION, PAIRS, [first])
        expected[names[first], names[second]] = chances[left.index(first)] * then[rest.index(second)]
    observed = [counts[pair] for pair in expected]
    return float(chisquare(observed, redraws * np.array(list(expected.values()))).pvalue)


@pytest.mark.slow
def test_redraws_match_the_probabilities() -> None:
    assert redraw_p_value() > 0.001


@pytest.mark.slow
def test_mutant_that_draws_with_another_exploration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def explore_more(probabilities: Sequence[float], uniform: float) -> int:
        share = 1 - (1 - 0.10) / (1 - PAIRS.exploration)
        flat = [(1 - share) * p + share / len(probabilities) for p in probabilities]
        return propensities.pick_index(flat, uniform)

    monkeypatch.setattr(slate, "pick_index", explore_more)
    assert redraw_p_value(REDRAWS // 5) < 1e-6


def make_forecasts(means: Sequence[float], sigma: float = 0.05) -> Forecasts:
    mean = np.array(means)
    spread = np.full(len(mean), sigma)
    return Forecasts(
        instruments=NAMES[: len(mean)],
        score=mean / spread,
        mean=mean,
        sigma=spread,
        quantiles=mean[:, None] + spread[:, None] * np.array([-1.6, -0.7, 0, 0.7, 1.6]),
        probability_up=np.full(len(mean), 0.5),
    )


def choose(means: Sequence[float], volumes: npt.ArrayLike = 1e7, **values: object) -> Slate:
    view = build_view(random_closes(3, 61, len(means)), volumes=volumes)
    return select_slate(
        cycle_id=CYCLE,
        forecasts=make_forecasts(means),
        view=view,
        state=build_state(view),
        policy=policy_with(slate=values),
    )


def test_candidates_are_the_best_by_net_edge_with_ties_by_name() -> None:
    assert choose([0.01, 0.03, 0.02, 0.0], candidates=2).candidates == ("FB", "GOOG")
    assert rank_candidates(np.array([1.0, 2.0, 2.0, 1.0]), 3).tolist() == [1, 2, 0]
    edges = np.round(np.random.default_rng(1).normal(size=500), 1)
    expected = sorted(range(500), key=lambda i: (-edges[i], i))
    assert rank_candidates(edges, 64).tolist() == expected[:64]


def test_a_name_without_volume_is_no_candidate() -> None:
    found = choose([0.0, 0.1, 0.0], volumes=np.array([1e7, 0.0, 1e7]))
    assert "FB" not in found.candidates and len(found.draws) == 2


def test_nothing_can_be_traded() -> None:
    assert choose([0.0, 0.1], volumes=0.0) == Slate(candidates=(), draws=())


def test_a_forecast_of_a_name_outside_the_view_is_refused() -> None:
    view = build_view(random_closes(3, 61, 2))
    state, policy = build_state(view), base_policy()
    with pytest.raises(DataError, match="GOOG"):
        select_slate(cycle_id=CYCLE, forecasts=make_forecasts([0.0] * 3), view=view, state=state, policy=policy)


def test_random_numbers_depend_on_cycle_step_and_item_only() -> None:
    text = f'["{CYCLE}","select_slate",0]'.encode()
    key = int.from_bytes(hashlib.sha256(text).digest()[:16], "little")
    expected = np.random.Generator(np.random.Philox(key=key)).random()
    assert draw_uniform(CYCLE, "select_slate", 0) == expected == 0.29177347089852235
    asked = [(CYCLE, "select_slate", 1), (CYCLE, "other", 0), (CycleId("d"), "select_slate", 0)]
    assert len({expected, *(draw_uniform(*question) for question in asked)}) == 4


def test_the_same_cycle_draws_the_same_slate() -> None:
    assert choose([0.01, 0.03, 0.02, 0.0]) == choose([0.01, 0.03, 0.02, 0.0])
