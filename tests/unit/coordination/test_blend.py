"""The prior blend against an example computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tests.unit.examples import NAMES, base_policy, build_view, random_closes
from tradeops.coordination.blend import blend_opinions, blend_scores
from tradeops.coordination.residuals import compute_probability_up, read_residual_quantiles
from tradeops.domain.errors import CoordinationError, LearningError
from tradeops.domain.identifiers import AgentId
from tradeops.domain.learners import RESIDUAL_QUANTILES, LearnerState
from tradeops.domain.opinions import Abstention, Opinions, abstain_everywhere
from tradeops.features.volatility import compute_volatility
from tradeops.learning.residual_quantiles import start_residual_quantiles

FRESH = start_residual_quantiles()
VIEW = build_view(random_closes(1, 61, 2))


def opine(agent: str, score: list[float], confidence: list[float]) -> Opinions:
    spoke = np.isfinite(np.array(score))
    return Opinions(
        agent=AgentId(agent),
        instruments=NAMES[: len(score)],
        score=np.array(score),
        confidence=np.where(spoke, confidence, np.nan),
        abstention=np.where(spoke, 0, int(Abstention.NO_SIGNAL)).astype(np.int8),
    )


def test_the_example_by_hand() -> None:
    """Weights 3 and 1. First name: a says 0.5 at 0.2, b says -1 at 0.4:
    (3·0.2·0.5 + 1·0.4·(−1)) / 4 = (0.3 − 0.4) / 4 = −0.025.
    Second name: only b speaks, 0.8 at 0.5: 1·0.5·0.8 / 1 = 0.4; mean = 0.8·0.4·σ = 0.32 σ."""
    opinions = [opine("b", [-1.0, 0.8], [0.4, 0.5]), opine("a", [0.5, np.nan], [0.2, 0.0])]
    weights = {AgentId("a"): 3.0, AgentId("b"): 1.0}
    score = blend_scores(opinions, NAMES[:2], weights)
    np.testing.assert_allclose(score, [-0.025, 0.4], rtol=1e-15)
    np.testing.assert_array_equal(score, blend_scores(opinions[::-1], NAMES[:2], weights))


def test_a_forecast_by_hand() -> None:
    forecasts = blend_opinions([opine("technical", [0.5, -0.5], [0.2, 1.0])], VIEW, FRESH, base_policy())
    assert forecasts is not None
    sigma = compute_volatility(VIEW, 60) * math.sqrt(5)
    np.testing.assert_allclose(forecasts.sigma, sigma, rtol=1e-15)
    np.testing.assert_allclose(forecasts.mean, [0.8 * 0.1 * sigma[0], -0.8 * 0.5 * sigma[1]], rtol=1e-14)
    normal = norm.ppf([0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(forecasts.quantiles, forecasts.mean[:, None] + np.outer(sigma, normal), rtol=1e-12)
    # Zero lies 0.08 sigma below the first mean, between the 25 % and the 50 % quantile.
    expected = 1 - (0.25 + 0.25 * (0.6744897501960817 - 0.08) / 0.6744897501960817)
    assert forecasts.probability_up[0] == pytest.approx(expected, abs=1e-14)


def test_nobody_spoke() -> None:
    silent = abstain_everywhere(AgentId("technical"), VIEW.instruments, Abstention.NO_SIGNAL)
    assert blend_opinions([silent], VIEW, FRESH, base_policy()) is None
    assert blend_opinions([], VIEW, FRESH, base_policy()) is None


def test_only_names_with_an_opinion_and_variation_are_forecast() -> None:
    closes = random_closes(1, 61, 3)
    closes[:, 1] = 50.0
    opinions = [opine("technical", [np.nan, 0.5, 0.5], [0.1, 0.1, 0.1])]
    forecasts = blend_opinions(opinions, build_view(closes), FRESH, base_policy())
    assert forecasts is not None and forecasts.instruments == ("GOOG",)


def test_a_stranger_or_another_universe_is_refused() -> None:
    with pytest.raises(CoordinationError):
        blend_opinions([opine("stranger", [0.1, 0.1], [0.1, 0.1])], VIEW, FRESH, base_policy())
    with pytest.raises(CoordinationError):
        blend_opinions([opine("technical", [0.1], [0.1])], VIEW, FRESH, base_policy())


def learner_with(**parameters: float) -> LearnerState:
    return LearnerState(learner=RESIDUAL_QUANTILES, version=1, matured=300, parameters=parameters, samples=None)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"q05": -1.0, "q25": -0.5, "q50": 0.0, "q75": 0.5},
        {"q05": -1.0, "q25": -0.5, "q50": -0.6, "q75": 0.5, "q95": 1.0},
        {"q05": -1.0, "q25": -0.5, "q50": 0.0, "q75": 0.5, "q95": math.inf},
    ],
)
def test_a_learner_state_that_cannot_be_used_is_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(LearningError):
        read_residual_quantiles(learner_with(**parameters))


def probability(mean: float, residuals: list[float]) -> float:
    return float(compute_probability_up(np.array([mean]), np.array(residuals))[0])


def test_the_tails_are_straight_and_end() -> None:
    residuals = [-2.0, -1.0, 0.0, 1.0, 2.0]
    levels = {-3.0: 0.0, -2.5: 0.025, -2.0: 0.05, -1.5: 0.15, 0.0: 0.5, 1.0: 0.75, 2.5: 0.975, 3.0: 1.0, 9.0: 1.0}
    assert {mean: round(probability(mean, residuals), 12) for mean in levels} == levels


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=5).map(sorted), st.floats(-9, 9), st.floats(0, 3))
def test_a_higher_mean_is_never_less_likely_to_rise(residuals: list[float], mean: float, more: float) -> None:
    low, high = probability(mean, residuals), probability(mean + more, residuals)
    assert 0 <= low <= high <= 1
