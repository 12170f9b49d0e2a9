"""A broker on paper: it keeps what it accepted and computes executions when asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Self

from sqlalchemy import (
    DDL,
    Column,
    Connection,
    Date,
    Index,
    MetaData,
    Row,
    Table,
    Text,
    bindparam,
    event,
    insert,
    select,
)

from tradeops.adapters.databases import Database, open_database, take_lock
from tradeops.domain.books import Book
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import SessionExecutions, TakenOrder

Execute = Callable[[date, Book, Sequence[Order]], SessionExecutions]
Accepts = Callable[[Order], str | None]

METADATA = MetaData()
ANSWERS = Table(
    "answers",
    METADATA,
    # Sorted by bytes, whatever language the database speaks.
    Column("client_order_id", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("valid_on", Date, nullable=False),
    Column("content", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_answers_book_valid_on", "book", "valid_on"),
)
_TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER answers_refuse_{change.lower()} BEFORE {change} ON answers "
        f"BEGIN SELECT RAISE(ABORT, 'answers are never changed'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION answers_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "USING MESSAGE = 'answers are never changed', ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER answers_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON answers "
        "FOR EACH STATEMENT EXECUTE FUNCTION answers_never_change()",
    ],
}
for _dialect, _statements in _TRIGGERS.items():
    for _statement in _statements:
        _trigger = DDL(_statement).execute_if(dialect=_dialect)  # type: ignore[no-untyped-call]
        event.listen(ANSWERS, "after_create", _trigger)

_INSERT = insert(ANSWERS)
_FIRST_ANSWERS = select(ANSWERS.c.client_order_id, ANSWERS.c.state, ANSWERS.c.reason).where(
    ANSWERS.c.client_order_id.in_(bindparam("orders", expanding=True))
)
_PAGE = 500
_PAGE_OF_ALL = (
    select(ANSWERS)
    .where(ANSWERS.c.client_order_id > bindparam("after"))
    .order_by(ANSWERS.c.client_order_id)
    .limit(_PAGE)
)
_OPEN = (
    select(ANSWERS.c.content)
    .where(
        ANSWERS.c.book == bindparam("book"),
        ANSWERS.c.valid_on == bindparam("session"),
        ANSWERS.c.state == OrderState.SUBMITTED.value,
    )
    .order_by(ANSWERS.c.client_order_id)
)


class PaperBroker:
    """`Broker` on a database of its own; any number of processes may send to it.

    It holds one connection. Threads may share it and wait for each other; a forked process opens
    its own. Whoever opens it closes it.

    Args:
        url: Of the database, on SQLite or PostgreSQL.
        execute: What becomes of orders in a session; a pure function.
        accepts: Why an order is rejected, or None.
    """

    def __init__(self, url: str, *, execute: Execute, accepts: Accepts) -> None:
        self._execute = execute
        self._accepts = accepts
        self._connection = _open_book(url)

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        """Take an order once; see the port."""
        with self._connection.write() as connection:
            take_lock(connection, f"broker/{order.client_order_id}")
            known = _find_answers(connection, [order.client_order_id])
            if known:
                return known[order.client_order_id]
            answer = self._answer(order)
            connection.execute(_INSERT, _answer_row(book_id, order, answer))
        return answer

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        """First answers to those of the orders that the broker has."""
        with self._connection.read() as connection:
            return _find_answers(connection, client_order_ids)

    def list_orders(self) -> Iterator[TakenOrder]:
        """Every order that was ever handed over, read page by page; see the port."""
        after = ""
        while rows := self._read_orders(after):
            for row in rows:
                yield TakenOrder(order=decode_canonical(Order, row.content), answer=_read_answer(row))
            after = rows[-1].client_order_id

    def _read_orders(self, after: str) -> list[Row[*tuple[Any, ...]]]:
        with self._connection.read() as connection:
            return list(connection.execute(_PAGE_OF_ALL, {"after": after}))

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        """Executions of the book's orders valid in `session`; see the port."""
        with self._connection.read() as connection:
            contents = connection.execute(_OPEN, {"book": str(book_id), "session": session}).scalars().all()
        return self._execute(session, account, [decode_canonical(Order, content) for content in contents])

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _answer(self, order: Order) -> OrderChange:
        refusal = self._accepts(order)
        state = OrderState.SUBMITTED if refusal is None else OrderState.REJECTED
        return OrderChange(client_order_id=order.client_order_id, state=state, reason=refusal or "accepted")


def prepare_paper_broker(url: str) -> None:
    """Make the tables of a paper broker's book, once for all who send to it.

    Raises:
        ExternalServiceError: The database cannot be reached.
    """
    _open_book(url).close()


def _open_book(url: str) -> Database:
    database = open_database(url)
    try:
        with database.write() as connection:
            take_lock(connection, "broker schema")
            METADATA.create_all(connection)
    except BaseException:
        database.close()
        raise
    return database


def _find_answers(connection: Connection, orders: Sequence[ClientOrderId]) -> dict[ClientOrderId, OrderChange]:
    rows = connection.execute(_FIRST_ANSWERS, {"orders": list(orders)})
    return {row.client_order_id: _read_answer(row) for row in rows}


def _read_answer(row: Row[*tuple[Any, ...]]) -> OrderChange:
    return OrderChange(client_order_id=row.client_order_id, state=OrderState(row.state), reason=row.reason)


def _answer_row(book_id: BookId, order: Order, answer: OrderChange) -> dict[str, object]:
    return {
        "client_order_id": order.client_order_id,
        "book": str(book_id),
        "valid_on": order.valid_on,
        "content": encode_canonical(order).decode(),
        "state": answer.state.value,
        "reason": answer.reason,
    }
