"""Whose opinion earned what, by hand, and to the last digit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from tests.fakes.trading_calendar import business_days
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import base_policy
from tests.unit.services.test_measure_performance import BUY_TWICE, SESSIONS, run_and_measure
from tradeops.domain.decisions import Decision, Outcome
from tradeops.domain.identifiers import AgentId, BookId, CycleId, InstrumentId
from tradeops.domain.market import Watermark
from tradeops.domain.opinions import Abstention, Opinions
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.slates import Slate, SlateDraw
from tradeops.services.attribute_profit import Attribution, attribute_profit
from tradeops.services.cycle.stored_values import encode_opinions

OLD, ODD = InstrumentId("OLD"), InstrumentId("ODD")
ONE, TWO = AgentId("one"), AgentId("two")
POLICY = replace(base_policy(), roster={ONE: 30.0, TWO: 10.0})
VALUES = InMemoryValueStore()


def say(agent: AgentId, score: float | None) -> Opinions:
    silent = score is None
    spoken = np.array([np.nan, np.nan if silent else score])
    reasons = [int(Abstention.NO_SIGNAL), int(Abstention.NO_SIGNAL if silent else Abstention.NONE)]
    return Opinions(
        agent=agent,
        instruments=(ODD, OLD),
        score=spoken,
        confidence=np.where(np.isfinite(spoken), 0.1, np.nan),
        abstention=np.array(reasons, dtype=np.int8),
    )


def decide(session: date, scores: Mapping[AgentId, float | None], chosen: InstrumentId = OLD) -> Decision:
    draw = SlateDraw(candidates=(chosen,), gains=(0.0,), probabilities=(1.0,), uniform=0.5, chosen=chosen)
    return Decision(
        cycle_id=CycleId(session.isoformat()),
        book_id=BookId(),
        session=session,
        as_of=datetime(2001, 3, 1, tzinfo=UTC),
        next_session=None,
        watermark=Watermark(market=1, ledger=1),
        outcome=Outcome.DECIDED,
        opinions={agent: VALUES.put(encode_opinions(say(agent, score))) for agent, score in scores.items()},
        slate=Slate(candidates=(chosen,), draws=(draw,)),
    )


def attribute(decisions: Sequence[Decision]) -> Attribution:
    runner, _ = run_and_measure(BUY_TWICE)
    settled = list(runner.ledger.list_settlements(runner.book_id))

    def find_policy(decision: Decision) -> TradingPolicy:
        return POLICY

    return attribute_profit(settled, decisions, VALUES, find_policy)


def test_profit_is_shared_by_weight_times_confidence_times_score() -> None:
    """30·0.1·0.2 = 0.6 and 10·0.1·0.2 = 0.2: three quarters and one of 5,550."""
    found = attribute([decide(SESSIONS[2], {ONE: 0.2, TWO: -0.2})])
    assert found.by_agent == {ONE: Decimal("4162.5"), TWO: Decimal("1387.5")}
    assert (found.unattributed, found.total) == (0, 5550)
    assert found.by_name == {OLD: Decimal(5550)}


def test_who_was_silent_gets_nothing_and_the_newest_decision_counts() -> None:
    """Row 20 brings 5,000 more: decided by one alone since row 15; before, 625 − 37.50 by two alone."""
    found = attribute([decide(SESSIONS[2], {ONE: None, TWO: 0.5}), decide(SESSIONS[15], {ONE: 0.5, TWO: None})])
    assert found.by_agent == {ONE: Decimal("4962.5"), TWO: Decimal("587.5")}


def test_a_decision_of_the_session_itself_came_too_late() -> None:
    found = attribute([decide(SESSIONS[20], {ONE: 0.5, TWO: None})])
    assert (found.by_agent[ONE], found.unattributed) == (Decimal("-37.5"), Decimal("5587.5"))


def test_another_name_in_the_slate_changes_nothing() -> None:
    first = decide(SESSIONS[2], {ONE: 0.5, TWO: None})
    other = decide(SESSIONS[10], {ONE: None, TWO: 0.5}, chosen=ODD)
    assert attribute([first, other]).by_agent == {ONE: Decimal(5550), TWO: Decimal(0)}


def test_what_nobody_spoke_of_is_unattributed() -> None:
    found = attribute([])
    assert (dict(found.by_agent), found.unattributed) == ({}, 5550)


@pytest.mark.parametrize("scores", [(0.1, 0.3), (0.7, -0.01), (1.0, 1 / 3)])
def test_everything_sums_to_the_books_profit_exactly(scores: tuple[float, float]) -> None:
    found = attribute(
        [decide(day, dict(zip((ONE, TWO), scores, strict=True))) for day in business_days(SESSIONS[0], 40)]
    )
    assert sum(found.by_agent.values(), found.unattributed) == found.total == 5550
    assert abs(found.unattributed) < Decimal("0.001")
    for agent, history in found.history.items():
        assert sum(history, Decimal(0)) == found.by_agent[agent]
        assert len(history) == len(SESSIONS)
