"""Settlements, fills and learner states."""

from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import Connection, bindparam, select

from tradeops.adapters.ledger_sqlalchemy.chain import (
    LEARNERS_STREAM,
    NewEntry,
    append_entry,
    find_newest_payload,
    find_payload,
    lock_stream,
)
from tradeops.adapters.ledger_sqlalchemy.order_states import check_final_changes, read_history
from tradeops.adapters.ledger_sqlalchemy.part import AnyRow, LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind, encode_payload
from tradeops.adapters.ledger_sqlalchemy.projections import insert_rows, project_settlement
from tradeops.adapters.ledger_sqlalchemy.tables import ENTRIES, FILLS, SETTLEMENTS
from tradeops.domain.canonical import decimal_text
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import CycleConflict, UnknownRecord
from tradeops.domain.identifiers import BookId, LearnerStateId
from tradeops.domain.learners import LearnerState
from tradeops.domain.orders import Fill
from tradeops.domain.settlements import Settlement

_PAGE = 100

_PAGE_OF_BOOK = (
    select(ENTRIES.c.key, ENTRIES.c.payload)
    .where(
        ENTRIES.c.stream == bindparam("stream"),
        ENTRIES.c.kind == Kind.SETTLEMENT.value,
        ENTRIES.c.key > bindparam("after"),
    )
    .order_by(ENTRIES.c.key)
    .limit(_PAGE)
)
_FILLS = select(FILLS).where(FILLS.c.stream == bindparam("stream")).order_by(FILLS.c.id)
_EQUITY = (
    select(SETTLEMENTS.c.equity)
    .where(SETTLEMENTS.c.stream == bindparam("stream"), SETTLEMENTS.c.session < bindparam("before"))
    .order_by(SETTLEMENTS.c.session.desc())
    .limit(bindparam("count"))
)


class SqlBookKeeping(LedgerPart):
    """`BookKeeping` on a database."""

    def record_settlement(self, settlement: Settlement, learner_states: Sequence[LearnerState]) -> None:
        """Write a settlement with everything that belongs to it in one transaction; see the port."""
        payload = encode_payload(settlement)
        with self._write(settlement.book_id.stream) as connection:
            if not _is_settled(connection, settlement, payload):
                _check_orders(connection, settlement)
                _append_settlement(connection, settlement, payload)
            for state in learner_states:
                _keep_learner_state(connection, state)

    def find_settlement(self, book_id: BookId, session: date) -> Settlement | None:
        """The book's settlement of a session."""
        with self._connection.read() as connection:
            payload = find_payload(connection, book_id.stream, Kind.SETTLEMENT, session.isoformat())
        return decode_canonical(Settlement, payload) if payload else None

    def latest_settlement(self, book_id: BookId) -> Settlement | None:
        """The book's newest settlement."""
        with self._connection.read() as connection:
            payload = find_newest_payload(connection, book_id.stream, Kind.SETTLEMENT)
        return decode_canonical(Settlement, payload) if payload else None

    def list_settlements(self, book_id: BookId) -> Iterator[Settlement]:
        """Settlements, oldest first, read page by page."""
        after = ""
        while rows := self._read_settlements(book_id, after):
            for row in rows:
                yield decode_canonical(Settlement, row.payload)
            after = rows[-1].key

    def _read_settlements(self, book_id: BookId, after: str) -> list[AnyRow]:
        with self._connection.read() as connection:
            return list(connection.execute(_PAGE_OF_BOOK, {"stream": book_id.stream, "after": after}))

    def list_fills(self, book_id: BookId) -> tuple[Fill, ...]:
        """Fills in the order recorded."""
        with self._connection.read() as connection:
            return tuple(_read_fill(row) for row in connection.execute(_FILLS, {"stream": book_id.stream}))

    def recent_equity(self, book_id: BookId, before: date, count: int) -> tuple[str, ...]:
        """Equity (decimal text) of up to `count` settlements before a session, oldest first."""
        key = {"stream": book_id.stream, "before": before, "count": count}
        with self._connection.read() as connection:
            newest_first = connection.execute(_EQUITY, key).scalars().all()
        return tuple(decimal_text(equity) for equity in reversed(newest_first))

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        """A learner state; see the port."""
        with self._connection.read() as connection:
            payload = find_payload(connection, LEARNERS_STREAM, Kind.LEARNER_STATE, state_id)
        if payload is None:
            raise UnknownRecord(f"no learner state {state_id} is recorded", state_id=state_id)
        return decode_canonical(LearnerState, payload)


def _is_settled(connection: Connection, settlement: Settlement, payload: str) -> bool:
    stream, key = settlement.book_id.stream, settlement.session.isoformat()
    known = find_payload(connection, stream, Kind.SETTLEMENT, key)
    if known is not None and known != payload:
        raise CycleConflict(f"{settlement.book_id} is already settled otherwise on {key}", session=key)
    return known is not None


def _check_orders(connection: Connection, settlement: Settlement) -> None:
    changes = settlement.order_changes
    orders = (change.client_order_id for change in changes)
    check_final_changes(read_history(connection, settlement.book_id.stream, orders), changes)


def _append_settlement(connection: Connection, settlement: Settlement, payload: str) -> None:
    stream = settlement.book_id.stream
    new = NewEntry(stream=stream, kind=Kind.SETTLEMENT, key=settlement.session.isoformat(), payload=payload)
    entry_id = append_entry(connection, new)
    insert_rows(connection, entry_id, project_settlement(stream, settlement, payload))


def _keep_learner_state(connection: Connection, state: LearnerState) -> None:
    key = state.state_id
    if _is_kept(connection, key):
        return  # most often, and then no book waits for another
    lock_stream(connection, LEARNERS_STREAM)
    if not _is_kept(connection, key):
        new = NewEntry(stream=LEARNERS_STREAM, kind=Kind.LEARNER_STATE, key=key, payload=encode_payload(state))
        append_entry(connection, new)


def _is_kept(connection: Connection, state_id: str) -> bool:
    return find_payload(connection, LEARNERS_STREAM, Kind.LEARNER_STATE, state_id) is not None


def _read_fill(row: AnyRow) -> Fill:
    return Fill(
        client_order_id=row.client_order_id,
        instrument=row.instrument,
        session=row.session,
        signed_quantity=row.signed_quantity,
        price=row.price,
        fee=row.fee,
    )
