"""Pinball losses by hand, the rule at its edges, and rules that forgot half of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import base_policy
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import BookId, InstrumentId, Stage, ValueRef
from tradeops.domain.models import PRIOR_BLEND, ModelState, name_blender, open_stage_book
from tradeops.domain.policy import PromotionPolicy
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.promotion_evidence import (
    Evidence,
    Ruling,
    SessionLoss,
    compare_forecasts,
    estimate_difference,
    judge_evidence,
    mean_undisturbed,
)

POLICY = base_policy().promotion
MODEL = name_blender(ValueRef("a" * 64))
Rule = Callable[[Evidence, PromotionPolicy], Ruling]


def make_losses(differences: list[float], *, intervened: tuple[int, ...] = ()) -> tuple[SessionLoss, ...]:
    first = date(2009, 1, 2)
    return tuple(
        SessionLoss(
            session=first + timedelta(days=row),
            names=2,
            candidate=0.5 + difference,
            incumbent=0.5,
            intervened=row in intervened,
        )
        for row, difference in enumerate(differences)
    )


def make_evidence(
    sessions: int, value: float, low: float, high: float, state: ModelState = ModelState.SHADOW
) -> Evidence:
    return Evidence(
        model=MODEL,
        version=1,
        state=state,
        book_id=open_stage_book(Stage(state.value), 1),
        opens_on=date(2009, 1, 2),
        incumbent=PRIOR_BLEND,
        incumbent_book=BookId(),
        losses=make_losses([value] * sessions),
        difference=Estimate(value=value, low=low, high=high),
        undisturbed=value,
        block=POLICY.block,
        level=POLICY.level,
        profit=Decimal("-12.30"),
        incumbent_profit=Decimal(7),
    )


def make_forecasts(**quantiles: list[float]) -> Forecasts:
    count = len(quantiles)
    return Forecasts(
        instruments=tuple(InstrumentId(name) for name in quantiles),
        score=np.zeros(count),
        mean=np.zeros(count),
        sigma=np.ones(count),
        quantiles=np.array(list(quantiles.values()), dtype=np.float64).reshape(count, 5),
        probability_up=np.full(count, 0.5),
    )


def test_losses_are_averaged_over_levels_and_the_names_that_both_forecast() -> None:
    """A went up by 0.10, B fell by 0.20; C has no outcome, D only one forecast."""
    candidate = make_forecasts(A=[0.0] * 5, B=[-0.2] * 5, C=[9.0] * 5, D=[9.0] * 5)
    incumbent = make_forecasts(A=[-0.1, 0.0, 0.1, 0.2, 0.3], B=[0.0] * 5, C=[0.0] * 5)
    returns = {InstrumentId("A"): 0.10, InstrumentId("B"): -0.20, InstrumentId("D"): 0.1}

    found = compare_forecasts(candidate, incumbent, returns)
    assert found is not None
    names, ahead, beside = found
    assert names == 2
    # A: mean level 0.5 × 0.10; B: exact.
    assert ahead == pytest.approx((0.05 + 0.0) / 2)
    # A: (.05×.2 + .25×.1 + 0 + .25×.1 + .05×.2) / 5; B: mean of (1 − level) 0.5 × 0.20.
    assert beside == pytest.approx((0.07 / 5 + 0.10) / 2)


def test_forecasts_without_a_common_name_with_an_outcome_are_no_session() -> None:
    one, other = make_forecasts(A=[0.0] * 5), make_forecasts(B=[0.0] * 5)
    assert compare_forecasts(one, other, {InstrumentId("A"): 0.1, InstrumentId("B"): 0.1}) is None
    assert compare_forecasts(one, one, {}) is None


def test_difference_is_candidate_less_incumbent_with_an_interval_of_blocks() -> None:
    losses = make_losses([-0.01, 0.02, -0.03, 0.0] * 20)
    found = estimate_difference(losses, POLICY, seed="s")

    series = np.array([loss.candidate - loss.incumbent for loss in losses])
    wanted = BlockBootstrap(seed="s", block=20).estimate(series, lambda rows: rows.mean(axis=-1))
    assert found == wanted
    assert found is not None and found.value == pytest.approx(-0.005)
    narrow = estimate_difference(losses, replace(POLICY, level=0.5, block=7), seed="s")
    wide = estimate_difference(losses, replace(POLICY, level=0.99, block=7), seed="s")
    assert narrow is not None and wide is not None
    assert wide.low < narrow.low <= narrow.high < wide.high
    assert estimate_difference(losses[:19], POLICY, seed="s") is None


def test_what_somebody_intervened_in_is_told_apart() -> None:
    losses = make_losses([-0.5, 0.1, 0.3], intervened=(0,))
    assert mean_undisturbed(losses) == pytest.approx(0.2)
    assert mean_undisturbed(losses[:1]) is None
    assert replace(make_evidence(3, 0, 0, 0), losses=losses).interventions == 1


def test_evidence_is_read_back_from_its_bytes() -> None:
    evidence = make_evidence(3, -0.1, -0.2, 0.05)
    assert decode_canonical(Evidence, evidence.canonical_bytes) == evidence
    assert evidence.last_session == date(2009, 1, 4)
    assert replace(evidence, losses=()).last_session == date(2009, 1, 2)


SHADOW, CANARY = ModelState.SHADOW, ModelState.CANARY


def check_rule(rule: Rule) -> None:
    """Policy: a shadow is better with its whole interval over 250 sessions; a canary is not worse over 60."""
    cases = {
        (250, -0.002, -0.003, -0.001, SHADOW): True,
        (249, -0.002, -0.003, -0.001, SHADOW): False,
        (1045, -0.002, -0.003, 0.0, SHADOW): False,
        (1045, -0.002, -0.005, 0.001, SHADOW): False,
        (1045, 0.002, 0.001, 0.003, SHADOW): False,
        (60, -0.002, -0.003, -0.001, CANARY): True,
        (60, 0.001, -0.001, 0.003, CANARY): True,
        (60, 0.001, 0.0, 0.003, CANARY): True,
        (60, 0.002, 0.001, 0.003, CANARY): False,
        (59, -0.002, -0.003, -0.001, CANARY): False,
    }
    found = {case: rule(make_evidence(*case), POLICY).allowed for case in cases}
    assert found == cases


def test_the_rule_at_its_edges() -> None:
    check_rule(judge_evidence)


def rule_without_interval(evidence: Evidence, policy: PromotionPolicy) -> Ruling:
    value = evidence.difference.value if evidence.difference else 0.0
    point = replace(evidence, difference=Estimate(value=value, low=value, high=value))
    return judge_evidence(point, policy)


def rule_without_minimum(evidence: Evidence, policy: PromotionPolicy) -> Ruling:
    return judge_evidence(evidence, replace(policy, shadow_sessions=0, canary_sessions=0))


def rule_of_the_shadow_for_all(evidence: Evidence, policy: PromotionPolicy) -> Ruling:
    return judge_evidence(replace(evidence, state=SHADOW), policy)


@pytest.mark.parametrize("rule", [rule_without_interval, rule_without_minimum, rule_of_the_shadow_for_all])
def test_mutant_rules_are_found(rule: Rule) -> None:
    with pytest.raises(AssertionError):
        check_rule(rule)


def test_less_than_a_block_is_not_enough_whatever_the_policy() -> None:
    evidence = replace(make_evidence(10, -1, -1, -1), difference=None)
    ruling = judge_evidence(evidence, replace(POLICY, shadow_sessions=5))
    assert (ruling.allowed, ruling.reason) == (False, "10 evaluated sessions; a shadow needs 20")


def test_the_reason_is_in_words_with_the_figures() -> None:
    stays = judge_evidence(make_evidence(300, -0.000123, -0.0004, 0.0002), POLICY)
    assert stays.reason == (
        "pinball difference to the incumbent -0.000123 [-0.000400, +0.000200] "
        "does not lie below 0 with its whole interval"
    )
    worse = judge_evidence(make_evidence(300, 0.2, 0.1, 0.3, CANARY), POLICY)
    assert worse.reason.endswith("lies above 0: worse")


@pytest.mark.parametrize("state", [ModelState.CANDIDATE, ModelState.LIVE, ModelState.RETIRED])
def test_only_a_staged_model_is_judged(state: ModelState) -> None:
    with pytest.raises(LearningError, match="only a shadow or a canary"):
        judge_evidence(replace(make_evidence(300, -1, -1, -1), state=state), POLICY)


@settings(max_examples=60, deadline=None)
@given(
    differences=st.lists(st.floats(-0.1, 0.1), min_size=250, max_size=300),
    shift=st.floats(0.0, 0.2),
)
def test_a_worse_series_never_fares_better(differences: list[float], shift: float) -> None:
    def judge(series: list[float], state: ModelState) -> bool:
        losses = make_losses(series)
        found = estimate_difference(losses, POLICY, seed="p")
        return judge_evidence(
            replace(make_evidence(1, 0, 0, 0, state), losses=losses, difference=found), POLICY
        ).allowed

    for state in (SHADOW, CANARY):
        assert judge(differences, state) >= judge([one + shift for one in differences], state)
    if judge(differences, SHADOW):
        assert float(np.mean(differences)) < 0 and judge(differences, CANARY)
