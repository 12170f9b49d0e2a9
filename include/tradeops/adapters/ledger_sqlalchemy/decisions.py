"""Decisions and the orders that follow from them."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from tradeops.adapters.ledger_sqlalchemy.chain import NewEntry, append_entry, find_payload
from tradeops.adapters.ledger_sqlalchemy.claims import check_epoch, move_cycle, refuse_closed
from tradeops.adapters.ledger_sqlalchemy.order_states import read_history, select_new_changes
from tradeops.adapters.ledger_sqlalchemy.part import AnyRow, LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import CycleClosed, Kind, encode_payload
from tradeops.adapters.ledger_sqlalchemy.projections import insert_rows, project_change, project_decision
from tradeops.adapters.ledger_sqlalchemy.tables import INBOX
from tradeops.domain.canonical import to_plain
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import Decision, DecisionRecord
from tradeops.domain.errors import CycleConflict
from tradeops.domain.lifecycle import CycleState
from tradeops.domain.market import Watermark
from tradeops.domain.orders import OrderChange

_INSERT_INBOX = insert(INBOX)
_FIND_EVENT = select(INBOX.c.entry_id).where(
    INBOX.c.consumer == bindparam("consumer"),
    INBOX.c.topic == bindparam("topic"),
    INBOX.c.event_id == bindparam("event_id"),
)


class SqlDecisionLog(LedgerPart):
    """The writing half of `DecisionLog` on a database."""

    def record_decision(self, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        """Write record, orders, outbox and inbox in one transaction; see the port."""
        payload = encode_payload(record.decision)
        with self._write(claim.book_id.stream) as connection:
            row = check_epoch(connection, claim)
            if _is_recorded(connection, claim, record.decision, payload):
                return
            refuse_closed(row)
            _check_fit(row, claim, record.decision)
            entry_id = _append_decision(connection, claim, record, payload)
            _spend_event(connection, asked_by, entry_id)
            move_cycle(connection, row, CycleState.DECIDED)

    def record_order_changes(self, claim: Claim, changes: Sequence[OrderChange]) -> None:
        """Append new states of orders; see the port."""
        stream = claim.book_id.stream
        with self._write(stream) as connection:
            row = check_epoch(connection, claim)
            history = read_history(connection, stream, (change.client_order_id for change in changes))
            new = select_new_changes(history, changes)
            if new:
                refuse_closed(row)
            for change in new:
                _append_change(connection, claim, change)

    def close_cycle(self, claim: Claim) -> None:
        """Mark the cycle closed; see the port."""
        with self._write(claim.book_id.stream) as connection:
            row = check_epoch(connection, claim)
            if row.state == CycleState.CLOSED:
                return
            move_cycle(connection, row, CycleState.CLOSED)
            closed = CycleClosed(cycle_id=claim.cycle_id, session=claim.session)
            append_entry(connection, _entry(claim, Kind.CYCLE_CLOSED, str(to_plain(row.as_of)), encode_payload(closed)))


def _entry(claim: Claim, kind: Kind, key: str, payload: str) -> NewEntry:
    return NewEntry(stream=claim.book_id.stream, kind=kind, key=key, payload=payload, epoch=claim.epoch)


def _is_recorded(connection: Connection, claim: Claim, decision: Decision, payload: str) -> bool:
    known = find_payload(connection, claim.book_id.stream, Kind.DECISION, str(to_plain(decision.as_of)))
    if known is not None and known != payload:
        raise CycleConflict(
            f"{claim.book_id} already decided {decision.session} from other inputs; compare it with `tradeops replay`",
            cycle_id=claim.cycle_id,
        )
    return known is not None


def _check_fit(row: AnyRow, claim: Claim, decision: Decision) -> None:
    granted = (row.cycle_id, row.stream, row.as_of, Watermark(market=row.watermark_market, ledger=row.watermark_ledger))
    decided = (decision.cycle_id, decision.book_id.stream, decision.as_of, decision.watermark)
    if granted != decided:
        raise CycleConflict(
            f"the decision of {decision.session} is not the one that was claimed", granted=granted, decided=decided
        )


def _append_decision(connection: Connection, claim: Claim, record: DecisionRecord, payload: str) -> int:
    decision, stream = record.decision, claim.book_id.stream
    entry = _entry(claim, Kind.DECISION, str(to_plain(decision.as_of)), payload)
    entry_id = append_entry(connection, entry)
    rows = project_decision(stream, decision, payload)
    insert_rows(connection, entry_id, rows, {"trace": encode_payload(record.trace)})
    return entry_id


def _spend_event(connection: Connection, event: InboxKey, entry_id: int) -> None:
    row = {"consumer": event.consumer, "topic": event.topic, "event_id": event.event_id}
    spent = connection.execute(_FIND_EVENT, row).one_or_none()
    if spent:
        raise CycleConflict(
            f"event {event.event_id} of {event.topic} already had its effect on {event.consumer}", event=event
        )
    connection.execute(_INSERT_INBOX, {"entry_id": entry_id, **row})


def _append_change(connection: Connection, claim: Claim, change: OrderChange) -> None:
    key = f"{change.client_order_id}/{change.state.value}"
    payload = encode_payload(change)
    entry_id = append_entry(connection, _entry(claim, Kind.ORDER_CHANGE, key, payload))
    insert_rows(connection, entry_id, project_change(claim.book_id.stream, change, payload))
