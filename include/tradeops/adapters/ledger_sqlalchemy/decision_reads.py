"""Reading decisions and orders."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Select, bindparam, select

from tradeops.adapters.ledger_sqlalchemy.chain import find_newest_payload
from tradeops.adapters.ledger_sqlalchemy.part import AnyRow, LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import CycleClosed, Kind
from tradeops.adapters.ledger_sqlalchemy.tables import DECISIONS, ENTRIES, ORDER_STATES, ORDERS
from tradeops.domain.decisions import Decision, DecisionRecord, DecisionTrace
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, ClientOrderId, CycleId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange, Side

_PAGE = 100
_AFTER_HEX = "~"

_RECORDS = select(DECISIONS.c.entry_id, ENTRIES.c.payload, DECISIONS.c.trace).join(
    ENTRIES, ENTRIES.c.id == DECISIONS.c.entry_id
)
_OF_SESSION = _RECORDS.where(
    DECISIONS.c.stream == bindparam("stream"), DECISIONS.c.session == bindparam("session")
).order_by(DECISIONS.c.as_of.desc())
_OF_CYCLE = _RECORDS.where(
    DECISIONS.c.cycle_id >= bindparam("first"), DECISIONS.c.cycle_id < bindparam("beyond")
).limit(2)
_PAGE_OF_ALL = _RECORDS.where(DECISIONS.c.entry_id > bindparam("after")).order_by(DECISIONS.c.entry_id).limit(_PAGE)
_PAGE_OF_BOOK = _PAGE_OF_ALL.where(DECISIONS.c.stream == bindparam("stream"))
_STATES = select(ORDER_STATES.c.client_order_id, ORDER_STATES.c.state, ORDER_STATES.c.reason).order_by(
    ORDER_STATES.c.id
)
_STATES_OF_CYCLE = _STATES.join(ORDERS, ORDERS.c.client_order_id == ORDER_STATES.c.client_order_id).where(
    ORDERS.c.cycle_id == bindparam("cycle_id")
)
_STATES_OF_BOOK = _STATES.join(ORDERS, ORDERS.c.client_order_id == ORDER_STATES.c.client_order_id).where(
    ORDERS.c.stream == bindparam("stream")
)
_ORDERS_OF_CYCLE = select(ORDERS).where(ORDERS.c.cycle_id == bindparam("cycle_id")).order_by(ORDERS.c.client_order_id)


class SqlDecisionReads(LedgerPart):
    """The reading half of `DecisionLog` on a database."""

    def find_decision(self, book_id: BookId, session: date) -> DecisionRecord | None:
        """The book's decision of a session."""
        with self._connection.read() as connection:
            row = connection.execute(_OF_SESSION, {"stream": book_id.stream, "session": session}).first()
        return _read_record(row) if row else None

    def get_decision(self, cycle_id: CycleId) -> DecisionRecord:
        """A decision by identifier or an unambiguous beginning of it; see the port."""
        with self._connection.read() as connection:
            rows = connection.execute(_OF_CYCLE, {"first": cycle_id, "beyond": cycle_id + _AFTER_HEX}).all()
        if len(rows) != 1 or not cycle_id:
            found = "more than one decision begins" if rows else "no decision begins"
            remedy = "give more of the identifier" if rows else "ask by its session, as 2013-02-28"
            raise UnknownRecord(f"{found} with {cycle_id!r}; {remedy}", cycle_id=cycle_id)
        return _read_record(rows[0])

    def list_decisions(self, book_id: BookId | None = None) -> Iterator[DecisionRecord]:
        """Decisions in the order recorded, read page by page."""
        page, key = (_PAGE_OF_BOOK, {"stream": book_id.stream}) if book_id else (_PAGE_OF_ALL, {})
        after = 0
        while rows := self._read_records(page, {**key, "after": after}):
            yield from map(_read_record, rows)
            after = rows[-1].entry_id

    def _read_records(self, page: Select[Any], key: Mapping[str, object]) -> list[AnyRow]:
        with self._connection.read() as connection:
            return list(connection.execute(page, key))

    def last_closed_session(self, book_id: BookId) -> date | None:
        """Session of the book's newest closed cycle."""
        with self._connection.read() as connection:
            payload = find_newest_payload(connection, book_id.stream, Kind.CYCLE_CLOSED)
        return decode_canonical(CycleClosed, payload).session if payload else None

    def orders_in(self, cycle_id: CycleId, state: OrderState) -> tuple[Order, ...]:
        """Orders of a cycle whose latest state is `state`, ascending by id."""
        return self.orders_by_state(cycle_id).get(state, ())

    def orders_by_state(self, cycle_id: CycleId) -> Mapping[OrderState, tuple[Order, ...]]:
        """All orders of a cycle under their latest states, each ascending by id."""
        with self._connection.read() as connection:
            history = _group_changes(connection.execute(_STATES_OF_CYCLE, {"cycle_id": cycle_id}))
            orders = [_read_order(row) for row in connection.execute(_ORDERS_OF_CYCLE, {"cycle_id": cycle_id})]
        found: dict[OrderState, tuple[Order, ...]] = {}
        for order in orders:
            state = history[order.client_order_id][-1].state
            found[state] = (*found.get(state, ()), order)
        return found

    def order_states(self, book_id: BookId) -> Mapping[ClientOrderId, tuple[OrderChange, ...]]:
        """All states of all orders of a book, oldest first."""
        with self._connection.read() as connection:
            history = _group_changes(connection.execute(_STATES_OF_BOOK, {"stream": book_id.stream}))
        return {order: tuple(changes) for order, changes in history.items()}


def _read_record(row: AnyRow) -> DecisionRecord:
    return DecisionRecord(
        decision=decode_canonical(Decision, row.payload), trace=decode_canonical(DecisionTrace, row.trace)
    )


def _group_changes(rows: Iterable[AnyRow]) -> dict[ClientOrderId, list[OrderChange]]:
    history: dict[ClientOrderId, list[OrderChange]] = {}
    for row in rows:
        change = OrderChange(client_order_id=row.client_order_id, state=OrderState(row.state), reason=row.reason)
        history.setdefault(change.client_order_id, []).append(change)
    return history


def _read_order(row: AnyRow) -> Order:
    return Order(
        client_order_id=row.client_order_id,
        cycle_id=row.cycle_id,
        instrument=row.instrument,
        side=Side(row.side),
        quantity=row.quantity,
        reference_price=row.reference_price,
        decided_on=row.decided_on,
        valid_on=row.valid_on,
        package=row.package,
    )
