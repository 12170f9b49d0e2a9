"""Decisions and orders: recorded before they are routed, once."""

from dataclasses import replace
from datetime import date

import pytest

from tests.contract.examples import (
    AAPL,
    BOOK,
    BUNDLE,
    HERE,
    IBM,
    asked_by,
    change_of,
    order_of,
    record_of,
    request_claim,
    session_after,
)
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, decisions
from tradeops.domain.claims import Claim
from tradeops.domain.errors import CoordinationError, CycleConflict, IllegalTransition, UnknownRecord
from tradeops.domain.identifiers import BookId, CycleId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.market import Watermark
from tradeops.domain.orders import OrderChange
from tradeops.ports.ledger import Ledger

OTHER_BOOK = BookId(run="other")


def decide(ledger: Ledger, day: int = 0, book: BookId = BOOK) -> Claim:
    claim = ledger.claim_cycle(request_claim(day, book=book))
    ledger.record_decision(claim, record_of(claim), asked_by(claim))
    return claim


def test_a_record_is_read_back_whole(ledger: Ledger) -> None:
    claim = decide(ledger)
    record = record_of(claim)
    assert ledger.find_decision(BOOK, claim.session) == record
    assert ledger.get_decision(claim.cycle_id) == record
    assert ledger.get_decision(CycleId(claim.cycle_id[:12])) == record
    found = ledger.find_decision(BOOK, claim.session)
    assert found is not None
    assert found.decision.digest == record.decision.digest


def test_orders_begin_as_new_with_their_decision(ledger: Ledger) -> None:
    claim = decide(ledger)
    orders = record_of(claim).decision.orders
    assert ledger.orders_in(claim.cycle_id, OrderState.NEW) == orders
    assert list(orders) == sorted(orders, key=lambda order: order.client_order_id)
    states = ledger.order_states(BOOK)
    assert {order: [change.state for change in made] for order, made in states.items()} == {
        order.client_order_id: [OrderState.NEW] for order in orders
    }


def test_orders_lie_under_their_latest_states_with_their_package(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim())
    record = record_of(claim, package=PackageId("hedged"))
    ledger.record_decision(claim, record, asked_by(claim))
    first, second = record.decision.orders
    ledger.record_order_changes(claim, [change_of(first), change_of(second, OrderState.CANCELLED, "never sent")])
    assert ledger.orders_by_state(claim.cycle_id) == {
        OrderState.SUBMITTED: (first,),
        OrderState.CANCELLED: (second,),
    }
    assert ledger.orders_by_state(CycleId("another")) == {}
    assert first.package == "hedged"
    ledger.verify_chains()


def test_one_transaction_writes_all_rows(ledger: Ledger) -> None:
    decide(ledger)
    rows = ledger.count_rows()
    assert (rows["decisions"], rows["orders"], rows["order_states"]) == (1, 2, 2)
    assert (rows["inbox"], rows["outbox"], rows["entries"]) == (1, 1, 2)


def check_repeats_change_nothing(ledger: Ledger) -> None:
    """Doing everything twice leaves row counts and chain heads as they were."""
    claim = decide(ledger)
    record = record_of(claim)
    changes = [change_of(order) for order in record.decision.orders]
    ledger.record_order_changes(claim, changes)
    before = (ledger.count_rows(), ledger.chain_heads())
    ledger.record_decision(claim, record, asked_by(claim))
    ledger.record_order_changes(claim, changes)
    assert (ledger.count_rows(), ledger.chain_heads()) == before
    ledger.close_cycle(claim)
    closed = (ledger.count_rows(), ledger.chain_heads())
    ledger.close_cycle(claim)
    ledger.record_decision(claim, record, asked_by(claim))
    ledger.record_order_changes(claim, changes)
    assert (ledger.count_rows(), ledger.chain_heads()) == closed


def test_repeats_change_nothing(ledger: Ledger) -> None:
    check_repeats_change_nothing(ledger)


def test_mutant_that_appends_repeats_meets_the_unique_key(
    sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "select_new_changes", lambda _history, changes: list(changes))
    with pytest.raises(CoordinationError, match=r"(?i)unique"):
        check_repeats_change_nothing(sql_ledger)


def test_the_trace_is_no_part_of_the_decision(ledger: Ledger) -> None:
    claim = decide(ledger)
    record = record_of(claim)
    slower = replace(record, trace=replace(record.trace, seconds={"blend": 9.0}))
    ledger.record_decision(claim, slower, asked_by(claim))
    assert ledger.get_decision(claim.cycle_id) == record


def test_another_decision_of_the_same_time_is_a_conflict(ledger: Ledger) -> None:
    claim = decide(ledger)
    before = (ledger.count_rows(), ledger.chain_heads())
    with pytest.raises(CycleConflict):
        ledger.record_decision(claim, record_of(claim, uniform=0.75), asked_by(claim))
    assert (ledger.count_rows(), ledger.chain_heads()) == before


def test_another_bundle_finds_the_first_decision(ledger: Ledger) -> None:
    first = decide(ledger)
    other = replace(BUNDLE, model="another/2")
    claim = ledger.claim_cycle(request_claim(bundle=other))
    assert claim.cycle_id == first.cycle_id
    assert claim.bundle == BUNDLE.bundle_id


def test_a_decision_that_was_not_claimed_is_a_conflict(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim())
    strayed = replace(claim, watermark=Watermark(market=7, ledger=7))
    with pytest.raises(CycleConflict):
        ledger.record_decision(claim, record_of(strayed), asked_by(claim))
    other_book = replace(claim, book_id=OTHER_BOOK)
    with pytest.raises(CycleConflict):
        ledger.record_decision(claim, record_of(other_book), asked_by(claim))
    assert ledger.find_decision(BOOK, claim.session) is None


def check_an_event_has_one_effect(ledger: Ledger) -> None:
    """An event that asked for one decision cannot ask for another."""
    first = decide(ledger)
    second = ledger.claim_cycle(request_claim(1))
    before = (ledger.count_rows(), ledger.chain_heads())
    with pytest.raises(CycleConflict):
        ledger.record_decision(second, record_of(second), asked_by(first))
    assert (ledger.count_rows(), ledger.chain_heads()) == before


def test_an_event_has_one_effect(ledger: Ledger) -> None:
    check_an_event_has_one_effect(ledger)


def test_mutant_without_inbox_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "_spend_event", lambda *_arguments: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_an_event_has_one_effect(sql_ledger)


def check_no_order_moves_before_it_is_recorded(ledger: Ledger) -> None:
    """The ledger knows no state of an order whose decision it does not hold."""
    claim = ledger.claim_cycle(request_claim())
    before = (ledger.count_rows(), ledger.chain_heads())
    with pytest.raises(UnknownRecord):
        ledger.record_order_changes(claim, [change_of(order_of(claim, AAPL))])
    assert (ledger.count_rows(), ledger.chain_heads()) == before


def test_no_order_moves_before_it_is_recorded(ledger: Ledger) -> None:
    check_no_order_moves_before_it_is_recorded(ledger)


def test_mutant_that_believes_every_order_meets_the_foreign_key(
    sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        decisions, "read_history", lambda _connection, _stream, orders: {order: [OrderState.NEW] for order in orders}
    )
    with pytest.raises(CoordinationError, match=r"(?i)foreign key"):
        check_no_order_moves_before_it_is_recorded(sql_ledger)


def test_orders_of_another_book_are_unknown(ledger: Ledger) -> None:
    theirs = decide(ledger, book=OTHER_BOOK)
    ours = decide(ledger)
    with pytest.raises(UnknownRecord):
        ledger.record_order_changes(ours, [change_of(order_of(theirs, AAPL))])


def test_illegal_steps_are_refused_whole(ledger: Ledger) -> None:
    claim = decide(ledger)
    first, second = record_of(claim).decision.orders
    before = ledger.chain_heads()
    with pytest.raises(IllegalTransition):
        ledger.record_order_changes(claim, [change_of(first), change_of(second, OrderState.FILLED)])
    assert ledger.chain_heads() == before
    assert len(ledger.orders_in(claim.cycle_id, OrderState.NEW)) == 2


def test_states_are_kept_in_their_order_with_reasons(ledger: Ledger) -> None:
    claim = decide(ledger)
    order = order_of(claim, IBM)
    steps = [(OrderState.UNKNOWN, "no answer"), (OrderState.SUBMITTED, "found at the broker")]
    ledger.record_order_changes(claim, [change_of(order, state, reason) for state, reason in steps])
    made = ledger.order_states(BOOK)[order.client_order_id]
    assert [(change.state, change.reason) for change in made[1:]] == steps
    assert ledger.orders_in(claim.cycle_id, OrderState.SUBMITTED) == (order,)
    assert ledger.orders_in(claim.cycle_id, OrderState.UNKNOWN) == ()


def test_a_cycle_closes_after_its_decision_only(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim())
    with pytest.raises(IllegalTransition):
        ledger.close_cycle(claim)
    assert ledger.last_closed_session(BOOK) is None


def test_the_newest_closed_session_is_told_by_book(ledger: Ledger) -> None:
    for day in range(3):
        ledger.close_cycle(decide(ledger, day))
    decide(ledger, 3)
    assert ledger.last_closed_session(BOOK) == session_after(2)
    assert ledger.last_closed_session(OTHER_BOOK) is None


def test_decisions_are_listed_as_recorded_while_others_are_written(ledger: Ledger) -> None:
    for day in range(120):
        decide(ledger, day)
    decide(ledger, 0, OTHER_BOOK)
    seen: list[date] = []
    for record in ledger.list_decisions(BOOK):
        if not seen:
            decide(ledger, 1, OTHER_BOOK)
        seen.append(record.decision.session)
    assert seen == [session_after(day) for day in range(120)]
    assert len(list(ledger.list_decisions())) == 122


def test_unknown_and_ambiguous_identifiers_are_refused(ledger: Ledger) -> None:
    for day in range(20):
        decide(ledger, day)
    with pytest.raises(UnknownRecord):
        ledger.get_decision(CycleId(""))
    with pytest.raises(UnknownRecord):
        ledger.get_decision(CycleId("xyz"))
    first_digits = [record.decision.cycle_id[0] for record in ledger.list_decisions()]
    ambiguous = next(digit for digit in first_digits if first_digits.count(digit) > 1)
    with pytest.raises(UnknownRecord):
        ledger.get_decision(CycleId(ambiguous))


def test_a_decision_without_orders_is_kept(ledger: Ledger) -> None:
    claim = ledger.claim_cycle(request_claim(owner=HERE))
    record = record_of(claim, names=())
    ledger.record_decision(claim, record, asked_by(claim))
    ledger.record_order_changes(claim, [])
    ledger.close_cycle(claim)
    assert ledger.find_decision(BOOK, claim.session) == record
    assert ledger.orders_in(claim.cycle_id, OrderState.NEW) == ()


def test_a_partial_fill_may_be_followed_by_expiry(ledger: Ledger) -> None:
    claim = decide(ledger)
    order = order_of(claim, AAPL)
    states = (OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED, OrderState.EXPIRED)
    changes = [OrderChange(client_order_id=order.client_order_id, state=state, reason="") for state in states]
    ledger.record_order_changes(claim, changes)
    assert [change.state for change in ledger.order_states(BOOK)[order.client_order_id]] == [OrderState.NEW, *states]
