"""Order of settlement, refusals, names whose data ended, and what matures."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.fakes.book_runner import BookRunner, Wish
from tests.fakes.broker import InMemoryBroker
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import policy_with
from tradeops.domain.errors import NotKnownYet, OutOfOrderSession
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import InstrumentId, Stage
from tradeops.domain.learners import RESIDUAL_QUANTILES
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.market import CorporateAction
from tradeops.domain.models import open_stage_book
from tradeops.domain.orders import OrderChange, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.learning.realised_returns import HoldingPeriod, total_return
from tradeops.learning.residual_quantiles import decode_samples
from tradeops.services import update_learners
from tradeops.services.cycle.stored_values import encode_forecasts
from tradeops.services.update_learners import realised_returns

DAYS = business_days(date(2001, 3, 1), 300)
A, B = InstrumentId("A"), InstrumentId("B")
right_window = update_learners._holding_window


def open_runner(
    closes: Mapping[str, Mapping[int, str]] | None = None,
    actions: tuple[CorporateAction, ...] = (),
    policy: TradingPolicy | None = None,
    sessions: int = 20,
) -> BookRunner:
    """A and B at 10 in every session; `closes` gives another open and close, "" no bar."""
    calendar = FakeTradingCalendar(DAYS)
    bars = []
    for name in "AB":
        for row in range(sessions):
            text = (closes or {}).get(name, {}).get(row, "10")
            if text:
                bars.append(make_bar(name, DAYS[row], text, text))
    source = FakeMarketSource(calendar, bars, actions)
    policy = policy or policy_with()
    broker = InMemoryBroker(make_executor(source, calendar, policy), make_acceptor(source, calendar, policy))
    return BookRunner(InMemoryLedger(), InMemoryValueStore(), broker, source, calendar, policy)


def test_the_account_opens_flat_on_its_day_and_on_no_other() -> None:
    runner = open_runner()
    with pytest.raises(OutOfOrderSession, match="settles 2001-03-01 next"):
        runner.settle(DAYS[1])
    opened = runner.settle(DAYS[0])
    assert (opened.equity, opened.peak_equity, opened.closing.positions) == (100_000, 100_000, {})
    assert runner.ledger.learner_state(opened.learner_states[RESIDUAL_QUANTILES]).matured == 0


def test_an_account_that_opens_on_a_day_off_opens_on_the_next_session() -> None:
    runner = open_runner(policy=policy_with(account={"opens_on": date(2001, 3, 3)}))
    assert runner.settle(date(2001, 3, 5)).equity == 100_000


def test_the_book_of_a_stage_opens_flat_when_the_model_enters_and_shares_no_capital_with_live() -> None:
    runner = open_runner({"A": {3: "20", 4: "30"}})
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 100)])
    live = [runner.settle(day) for day in DAYS[1:5]][-1]
    shadow = replace(runner, book_id=open_stage_book(Stage.SHADOW, 1), opens_on=DAYS[3])
    for too_early in (DAYS[0], DAYS[2], DAYS[4]):
        with pytest.raises(OutOfOrderSession, match=f"shadow/shadow/blender_v1 settles {DAYS[3]} next"):
            shadow.settle(too_early)

    opened = shadow.settle(DAYS[3])
    assert (opened.equity, opened.closing.cash, dict(opened.closing.positions)) == (100_000, 100_000, {})
    assert opened.profit.total == 0
    assert runner.ledger.learner_state(opened.learner_states[RESIDUAL_QUANTILES]).matured == 0
    shadow.decide(DAYS[3], [Wish("2", Side.BUY, "A", 10)])
    assert shadow.settle(DAYS[4]).closing.quantity(A) == 10
    assert runner.ledger.latest_settlement(runner.book_id) == live
    assert live.closing.quantity(A) == 100
    assert runner.settle(DAYS[5]).closing.quantity(A) == 100


def test_sessions_are_settled_in_order_and_only_once_known() -> None:
    runner = open_runner()
    runner.settle(DAYS[0])
    with pytest.raises(OutOfOrderSession):
        runner.settle(DAYS[2])
    runner.source = FakeMarketSource(runner.calendar, [make_bar("A", d, "1", "1") for d in DAYS[:5]])

    class Impatient:
        def bar(self, *_: object, **__: object) -> None:
            raise NotKnownYet("later")

        actions = bar

    runner.source = Impatient()  # type: ignore[assignment]
    with pytest.raises(NotKnownYet):
        runner.settle(DAYS[1])


def test_a_session_is_not_settled_over_orders_that_were_never_sent() -> None:
    runner = open_runner()
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 10)], route=False, close=False)
    with pytest.raises(OutOfOrderSession, match="run it to its end first"):
        runner.settle(DAYS[1])


def leave_unknown(runner: BookRunner, *, arrived: bool) -> None:
    """One order of the first session whose answer was lost, on the way there or on the way back."""
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 10)], route=False, close=False)
    claim = runner.ledger.claim_cycle(runner._request(DAYS[0]))
    (order,) = runner.ledger.orders_in(claim.cycle_id, OrderState.NEW)
    if arrived:
        runner.broker.submit(runner.book_id, order)
    lost = OrderChange(client_order_id=order.client_order_id, state=OrderState.UNKNOWN, reason="no answer")
    runner.ledger.record_order_changes(claim, [lost])
    runner.ledger.close_cycle(claim)


def test_an_unknown_order_that_the_broker_never_had_expires_with_its_session() -> None:
    runner = open_runner()
    leave_unknown(runner, arrived=False)
    settlement = runner.settle(DAYS[1])
    assert [change.state for change in settlement.order_changes] == [OrderState.EXPIRED]
    assert "no answer" in settlement.order_changes[0].reason
    assert settlement.closing.positions == {}


def test_an_unknown_order_that_did_arrive_is_filled_once() -> None:
    runner = open_runner()
    leave_unknown(runner, arrived=True)
    settlement = runner.settle(DAYS[1])
    assert [change.state for change in settlement.order_changes] == [OrderState.FILLED]
    assert settlement.closing.quantity(A) == 10


def test_a_session_without_a_decision_is_settled_all_the_same() -> None:
    runner = open_runner()
    assert [runner.settle(day).equity for day in DAYS[:5]] == [100_000] * 5


def test_a_name_without_a_bar_keeps_its_last_close_and_a_split_divides_it() -> None:
    split = CorporateAction(instrument=A, session=DAYS[3], ratio=Decimal(2))
    runner = open_runner({"A": {2: "11.005", 3: "", 4: "6"}}, (split,))
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 100)])
    settled = [runner.settle(day) for day in DAYS[1:5]]
    assert [each.marks[A] for each in settled] == [10, Decimal("11.005"), Decimal("5.5025"), 6]
    assert settled[2].closing.quantity(A) == 200 and settled[2].profit.total == 0


def test_a_name_whose_data_ended_is_sold_at_its_last_close() -> None:
    runner = open_runner({"A": dict.fromkeys(range(3, 20), "")} | {"B": {}})
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 100)])
    runner.settle(DAYS[1])
    runner.settle(DAYS[2])
    runner.decide(DAYS[2], [Wish("1", Side.SELL, "A", 100)])
    ended = runner.settle(DAYS[3])
    assert [(fill.instrument, fill.signed_quantity, fill.price, fill.fee) for fill in ended.fills] == [
        ("A", -100, 10, 1)
    ]
    assert ended.closing.positions == {} and ended.order_changes[0].state == "expired"
    assert ended.closing.cash == 100_000 - 1001 - 1 + 1000 - 1
    assert runner.settle(DAYS[4]).fills == ()


def test_a_hole_is_no_end() -> None:
    runner = open_runner({"A": {3: ""}})
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 100)])
    assert [runner.settle(day).closing.quantity(A) for day in DAYS[1:6]] == [100] * 5


def test_the_peak_is_that_of_the_last_252_sessions() -> None:
    runner = open_runner({"A": {2: "20"}}, sessions=260)
    runner.settle(DAYS[0])
    runner.decide(DAYS[0], [Wish("1", Side.BUY, "A", 100)])
    peaks = [runner.settle(day).peak_equity for day in DAYS[1:257]]
    top = max(peaks)
    assert top == runner.ledger.find_settlement(runner.book_id, DAYS[2]).equity  # type: ignore[union-attr]
    assert peaks[2 + 251 - 1] == top and peaks[2 + 252 - 1] < top


def forecast(names: str, mean: float = 0.01, sigma: float = 0.05) -> bytes:
    count = len(names)
    return encode_forecasts(
        Forecasts(
            instruments=tuple(InstrumentId(name) for name in names),
            score=np.zeros(count),
            mean=np.full(count, mean),
            sigma=np.full(count, sigma),
            quantiles=np.zeros((count, 5)),
            probability_up=np.full(count, 0.5),
        )
    )


def test_an_outcome_matures_with_the_open_of_the_sixth_session_after_its_decision() -> None:
    """A: bought at 10 on row 1, split 2:1 on row 3, 0.50 a new share on row 5, 6.00 on row 6: 13/10."""
    actions = (
        CorporateAction(instrument=A, session=DAYS[1], dividend=Decimal(5)),  # before the entry
        CorporateAction(instrument=A, session=DAYS[3], ratio=Decimal(2)),
        CorporateAction(instrument=A, session=DAYS[5], dividend=Decimal("0.50")),
        CorporateAction(instrument=A, session=DAYS[7], dividend=Decimal(5)),  # after the exit
    )
    runner = open_runner({"A": {6: "6"}, "B": {1: ""}}, actions)
    for row in range(10):
        settled = runner.settle(DAYS[row])
        ref = runner.values.put(forecast("AB")) if row == 0 else None
        runner.decide(DAYS[row], [], forecasts=ref)
        state = runner.ledger.learner_state(settled.learner_states[RESIDUAL_QUANTILES])
        assert state.matured == (0 if row < 6 else 1)  # B did not trade at the entry: censored
    assert state.samples is not None
    residuals = decode_samples(runner.values.get(state.samples))
    assert residuals.tolist() == [(0.3 - 0.01) / 0.05]


def test_samples_pile_up_session_by_session() -> None:
    policy = policy_with(blend={"residual_minimum": 4, "residual_window": 5})
    runner = open_runner({"A": {row: str(10 + row) for row in range(20)}}, policy=policy)
    for row in range(12):
        settled = runner.settle(DAYS[row])
        runner.decide(DAYS[row], [], forecasts=runner.values.put(forecast("AB", mean=0.0)))
    state = runner.ledger.learner_state(settled.learner_states[RESIDUAL_QUANTILES])
    assert state.matured == 2 * 6 and state.samples is not None
    kept = decode_samples(runner.values.get(state.samples))
    exits = [(16 + row) / (11 + row) - 1 for row in range(6)]
    expected = [value for growth in exits for value in (growth / 0.05, 0.0)][-5:]
    assert kept.tolist() == pytest.approx(expected)
    assert state.parameters["q50"] == pytest.approx(sorted(expected)[2])


def test_a_return_beyond_the_present_is_not_known() -> None:
    runner = open_runner()
    known_at = runner.calendar.opens_at(DAYS[6])
    with pytest.raises(NotKnownYet):
        realised_returns(runner.source, (A,), DAYS[1:7], known_at=known_at)


def one_session_early(case: Any) -> tuple[date, ...]:
    return (*right_window(replace(case, session=case.calendar.next_session(case.session)))[:-1], case.session)


def with_dividends_of_the_entry(period: HoldingPeriod) -> float:
    early = CorporateAction(instrument=A, session=DAYS[1], dividend=Decimal(5))
    return total_return(replace(period, actions=[early, *period.actions]))


MUTANTS = {
    "matures a session early": ("_holding_window", one_session_early),
    "a dividend from before the entry": ("total_return", with_dividends_of_the_entry),
    "splits forgotten": ("total_return", lambda period: total_return(replace(period, actions=[]))),
    "censored names count as zero": (
        "realised_returns",
        lambda source, names, sessions, known_at: dict.fromkeys(names, 0.0),
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_of_maturity_is_found(monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    name, broken = MUTANTS[mutant]
    monkeypatch.setattr(update_learners, name, broken)
    with pytest.raises(AssertionError):
        test_an_outcome_matures_with_the_open_of_the_sixth_session_after_its_decision()
