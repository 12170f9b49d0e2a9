"""An event has its effect once, and what is on record is told once, in order."""

import pytest

from tests.contract.conftest import OpenLedger
from tests.contract.examples import BOOK, asked_by, record_of, request_claim, settlement_of
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, boxes
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.errors import CycleConflict
from tradeops.domain.identifiers import BookId
from tradeops.ports.ledger import Ledger, OutboxRow

OTHER_BOOK = BookId(run="other")


def decide(ledger: Ledger, day: int, book: BookId = BOOK, event: InboxKey | None = None) -> Claim:
    claim = ledger.claim_cycle(request_claim(day, book=book))
    ledger.record_decision(claim, record_of(claim), event or asked_by(claim))
    return claim


def tell_all(ledger: Ledger, limit: int) -> list[OutboxRow]:
    told: list[OutboxRow] = []
    while rows := ledger.read_outbox(limit):
        told += rows
        ledger.advance_outbox(rows)
    return told


def test_an_event_without_effect_is_unknown(ledger: Ledger) -> None:
    assert ledger.find_effect(InboxKey(consumer=BOOK.stream, topic="market.features", event_id="e")) is None


def test_the_effect_of_an_event_is_the_cycle_that_was_recorded_with_it(ledger: Ledger) -> None:
    event = InboxKey(consumer=BOOK.stream, topic="market.features", event_id="e")
    claim = decide(ledger, 0, event=event)

    assert ledger.find_effect(event) == claim.cycle_id
    others = [
        InboxKey(consumer=OTHER_BOOK.stream, topic="market.features", event_id="e"),
        InboxKey(consumer=BOOK.stream, topic="market.sessions", event_id="e"),
        InboxKey(consumer=BOOK.stream, topic="market.features", event_id="f"),
    ]
    assert [ledger.find_effect(other) for other in others] == [None, None, None]


def test_an_event_has_no_second_effect_at_another_time(ledger: Ledger) -> None:
    """As when the policy's decision time was changed between two deliveries."""
    event = InboxKey(consumer=BOOK.stream, topic="market.features", event_id="e")
    decide(ledger, 0, event=event)

    with pytest.raises(CycleConflict, match="event"):
        decide(ledger, 1, event=event)


def test_rows_of_the_outbox_come_in_the_order_of_their_stream(ledger: Ledger) -> None:
    ledger.record_settlement(settlement_of(0), [])
    first = decide(ledger, 0)
    ledger.close_cycle(first)
    other = decide(ledger, 0, book=OTHER_BOOK)

    rows = ledger.read_outbox(10)
    assert [(row.stream, row.topic, row.key) for row in rows] == [
        (BOOK.stream, "settlements", f"{BOOK}/{settlement_of(0).session}"),
        (BOOK.stream, "decisions", first.cycle_id),
        (OTHER_BOOK.stream, "decisions", other.cycle_id),
    ]
    assert rows[0].sequence < rows[1].sequence
    assert ledger.read_outbox(2) == rows[:2]


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_what_was_told_is_not_told_again_and_what_follows_is(limit: int, ledger: Ledger) -> None:
    first = decide(ledger, 0)
    ledger.close_cycle(first)
    decide(ledger, 0, book=OTHER_BOOK)
    assert len(tell_all(ledger, limit)) == 2

    assert ledger.read_outbox(10) == ()
    ledger.record_settlement(settlement_of(1), [])
    assert [row.key for row in tell_all(ledger, limit)] == [f"{BOOK}/{settlement_of(1).session}"]


def test_the_cursor_never_goes_back_and_outlives_the_process(open_another: OpenLedger) -> None:
    ledger = open_another()
    decide(ledger, 0)
    (decided,) = ledger.read_outbox(10)
    ledger.record_settlement(settlement_of(1), [])
    ledger.advance_outbox(ledger.read_outbox(10))
    ledger.advance_outbox([decided])

    assert open_another().read_outbox(10) == ()


def test_the_cursor_is_no_part_of_the_chain(ledger: Ledger) -> None:
    decide(ledger, 0)
    heads = ledger.chain_heads()
    ledger.advance_outbox(ledger.read_outbox(10))

    assert ledger.chain_heads() == heads
    ledger.verify_chains()


def test_mutant_that_forgets_the_cursor_is_found(sql_ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "_advance", lambda *_: None)
    decide(sql_ledger, 0)
    sql_ledger.advance_outbox(sql_ledger.read_outbox(10))

    assert sql_ledger.read_outbox(10)
