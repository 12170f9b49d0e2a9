"""Settlements, fills and learner states; money is exact."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Numeric

from tests.contract.examples import (
    AAPL,
    BOOK,
    IBM,
    asked_by,
    change_of,
    fill_of,
    learner_state,
    order_of,
    record_of,
    request_claim,
    session_after,
    settlement_of,
)
from tests.fakes.ledger import InMemoryLedger
from tradeops.adapters.ledger_sqlalchemy import SqlLedger
from tradeops.adapters.ledger_sqlalchemy.column_types import ExactDecimal
from tradeops.domain.books import Book
from tradeops.domain.claims import Claim
from tradeops.domain.errors import CycleConflict, IllegalTransition, UnknownRecord
from tradeops.domain.identifiers import BookId, ClientOrderId, LearnerStateId
from tradeops.domain.lifecycle import OrderState
from tradeops.ports.ledger import Ledger

LARGE = Decimal("123456789012.12345678")
DECIMALS = st.decimals(min_value=-(10**14), max_value=10**14, places=8)


def submit_orders(ledger: Ledger, day: int = 0) -> Claim:
    claim = ledger.claim_cycle(request_claim(day))
    ledger.record_decision(claim, record_of(claim), asked_by(claim))
    ledger.record_order_changes(claim, [change_of(order_of(claim, name)) for name in (AAPL, IBM)])
    ledger.close_cycle(claim)
    return claim


def test_a_settlement_is_read_back_whole(ledger: Ledger) -> None:
    claim = submit_orders(ledger)
    bought, lapsed = order_of(claim, AAPL), order_of(claim, IBM)
    fills = (fill_of(bought),)
    changes = (change_of(bought, OrderState.FILLED), change_of(lapsed, OrderState.EXPIRED))
    settlement = settlement_of(1, fills=fills, changes=changes)
    ledger.record_settlement(settlement, [learner_state(1)])
    assert ledger.find_settlement(BOOK, session_after(1)) == settlement
    assert ledger.latest_settlement(BOOK) == settlement
    assert ledger.list_fills(BOOK) == fills
    assert ledger.orders_in(claim.cycle_id, OrderState.FILLED) == (bought,)
    assert ledger.orders_in(claim.cycle_id, OrderState.EXPIRED) == (lapsed,)
    assert ledger.learner_state(settlement.learner_states["residual_quantiles"]) == learner_state(1)


def check_repeat_changes_nothing(ledger: Ledger) -> None:
    """The same settlement again leaves row counts and chain heads as they were."""
    claim = submit_orders(ledger)
    order = order_of(claim, AAPL)
    settlement = settlement_of(1, fills=(fill_of(order),), changes=(change_of(order, OrderState.FILLED),))
    ledger.record_settlement(settlement, [learner_state()])
    before = (ledger.count_rows(), ledger.chain_heads())
    ledger.record_settlement(settlement, [learner_state()])
    assert (ledger.count_rows(), ledger.chain_heads()) == before


def test_repeat_changes_nothing(ledger: Ledger) -> None:
    check_repeat_changes_nothing(ledger)


def test_mutant_that_settles_twice_is_refused(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeops.adapters.ledger_sqlalchemy.bookkeeping._is_settled", lambda *_arguments: False)
    with pytest.raises(IllegalTransition):
        check_repeat_changes_nothing(sql_ledger)


def test_another_settlement_of_the_session_is_a_conflict(ledger: Ledger) -> None:
    ledger.record_settlement(settlement_of(), [])
    before = ledger.chain_heads()
    with pytest.raises(CycleConflict):
        ledger.record_settlement(settlement_of(cash="100000.01"), [])
    assert ledger.chain_heads() == before
    assert ledger.latest_settlement(BOOK) == settlement_of()


def test_a_settlement_that_breaks_an_order_is_refused_whole(ledger: Ledger) -> None:
    claim = submit_orders(ledger)
    order = order_of(claim, AAPL)
    again = settlement_of(1, fills=(fill_of(order),), changes=(change_of(order, OrderState.SUBMITTED),))
    unknown = replace(change_of(order, OrderState.FILLED), client_order_id=ClientOrderId("nobody"))
    before = (ledger.count_rows(), ledger.chain_heads())
    with pytest.raises(IllegalTransition):
        ledger.record_settlement(again, [learner_state()])
    with pytest.raises(UnknownRecord):
        ledger.record_settlement(settlement_of(1, changes=(unknown,)), [learner_state()])
    assert (ledger.count_rows(), ledger.chain_heads()) == before


def test_a_sale_at_the_end_of_a_name_has_no_order(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim())
    forced = fill_of(order_of(claim, AAPL))
    ledger.record_settlement(settlement_of(1, fills=(forced,)), [])
    assert ledger.list_fills(BOOK) == (forced,)


def test_settlements_are_listed_oldest_first_by_book(ledger: Ledger) -> None:
    other = BookId(run="other")
    for day in range(110):
        ledger.record_settlement(settlement_of(day, cash=str(day)), [])
    ledger.record_settlement(settlement_of(200, book=other), [])
    assert [s.session for s in ledger.list_settlements(BOOK)] == [session_after(day) for day in range(110)]
    assert ledger.latest_settlement(BOOK) == settlement_of(109, cash="109")
    assert ledger.latest_settlement(BookId(run="nobody")) is None
    assert ledger.find_settlement(other, session_after(0)) is None


def test_recent_equity_is_told_oldest_first_and_before_the_session(ledger: Ledger) -> None:
    for day in range(5):
        ledger.record_settlement(replace(settlement_of(day), equity=Decimal(day) + Decimal("0.50")), [])
    assert ledger.recent_equity(BOOK, session_after(4), 2) == ("2.5", "3.5")
    assert ledger.recent_equity(BOOK, session_after(1), 252) == ("0.5",)
    assert ledger.recent_equity(BOOK, session_after(0), 252) == ()


def test_a_learner_state_is_kept_once_for_all_books(ledger: Ledger) -> None:
    ledger.record_settlement(settlement_of(0), [learner_state(3)])
    ledger.record_settlement(settlement_of(0, book=BookId(run="other")), [learner_state(3)])
    heads = {head.stream: head.sequence for head in ledger.chain_heads()}
    assert heads["learners"] == 1
    with pytest.raises(UnknownRecord):
        ledger.learner_state(LearnerStateId("0" * 64))


def check_money_is_exact(ledger: Ledger) -> None:
    """Eight decimals behind twelve digits come back as they went in, from entries and from typed rows."""
    claim = submit_orders(ledger)
    order = order_of(claim, AAPL)
    fill = replace(fill_of(order), price=LARGE, fee=Decimal("0.01"))
    settlement = replace(
        settlement_of(1, fills=(fill,), changes=(change_of(order, OrderState.FILLED),)),
        closing=Book(cash=-LARGE),
        equity=LARGE,
    )
    ledger.record_settlement(settlement, [])
    assert ledger.list_fills(BOOK) == (fill,)
    assert ledger.recent_equity(BOOK, session_after(2), 1) == (str(LARGE),)
    assert ledger.latest_settlement(BOOK) == settlement
    ledger.verify_chains()


def test_money_is_exact(ledger: Ledger) -> None:
    check_money_is_exact(ledger)


def test_mutant_with_float_columns_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    as_float = Numeric(38, 8)
    monkeypatch.setattr(ExactDecimal, "process_bind_param", lambda _self, value, _dialect: str(float(value)))
    monkeypatch.setattr(ExactDecimal, "impl_instance", as_float)
    with pytest.raises(AssertionError):
        check_money_is_exact(sql_ledger)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amounts=st.lists(DECIMALS, min_size=1, max_size=4))
def test_any_decimal_survives(sql_ledger: SqlLedger, amounts: list[Decimal]) -> None:
    day = sql_ledger.count_rows()["settlements"]
    for amount in amounts:
        sql_ledger.record_settlement(replace(settlement_of(day), equity=amount, closing=Book(cash=amount)), [])
        found = sql_ledger.recent_equity(BOOK, session_after(day + 1), 1)
        assert [Decimal(text) for text in found] == [amount]
        settled = sql_ledger.find_settlement(BOOK, session_after(day))
        assert settled is not None
        assert settled.closing.cash == amount
        day += 1


def test_fake_and_both_databases_write_the_same_chains(sql_ledger: SqlLedger) -> None:
    ledgers: list[Ledger] = [InMemoryLedger(), sql_ledger]
    for ledger in ledgers:
        check_money_is_exact(ledger)
    assert ledgers[0].chain_heads() == ledgers[1].chain_heads()
    assert ledgers[0].count_rows() == ledgers[1].count_rows()
