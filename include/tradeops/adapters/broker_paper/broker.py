"""`PaperBroker`: takes orders once, takes legs of packages back, and executes what is left."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Self

from sqlalchemy import Connection

from tradeops.adapters.broker_paper import rows
from tradeops.adapters.broker_paper.tables import METADATA
from tradeops.adapters.databases import Database, open_prepared, take_lock
from tradeops.domain.books import Book
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import SessionExecutions, TakenOrder

Execute = Callable[[date, Book, Sequence[Order]], SessionExecutions]
Accepts = Callable[[Order], str | None]


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
            known = rows.find_answers(connection, [order.client_order_id])
            if known:
                return known[order.client_order_id]
            answer = self._answer(order)
            rows.insert_answer(connection, book_id, order, answer)
        return answer

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        """Take a leg back before its session; see the port."""
        with self._connection.write() as connection:
            take_lock(connection, f"broker/{client_order_id}")
            take_lock(connection, _name_packages(book_id))
            ended = rows.find_endings(connection, [client_order_id])
            if ended:
                return ended[client_order_id]
            answer = _answer_cancel(connection, book_id, client_order_id)
            if answer.state is OrderState.CANCELLED:
                rows.insert_endings(connection, [answer])
        return answer

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        """What was said of those orders that the broker has or was told to cancel."""
        with self._connection.read() as connection:
            return rows.find_answers(connection, client_order_ids)

    def list_orders(self) -> Iterator[TakenOrder]:
        """Every order that was ever handed over, read page by page; see the port."""
        after = ""
        while page := self._read_page(after):
            yield from page
            after = page[-1].order.client_order_id

    def _read_page(self, after: str) -> list[TakenOrder]:
        with self._connection.read() as connection:
            return rows.read_page(connection, after, rows.PAGE)

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        """Executions of the book's orders valid in `session`; see the port."""
        with self._connection.read() as connection:
            orders = rows.read_open(connection, book_id, session)
        if any(order.package for order in orders):
            return self._execute_legs(book_id, session, account)
        return self._execute(session, account, orders)

    def _execute_legs(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        """Execute a session with packages, and keep how their legs ended: a cancel after it comes too late."""
        with self._connection.write() as connection:
            take_lock(connection, _name_packages(book_id))
            orders = rows.read_open(connection, book_id, session)
            executed = self._execute(session, account, orders)
            legs = [order.client_order_id for order in orders if order.package]
            ended = rows.find_endings(connection, legs)
            new = set(legs) - set(ended)
            rows.insert_endings(connection, [change for change in executed.changes if change.client_order_id in new])
        return executed

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
    return open_prepared(url, "broker", METADATA.create_all)


def _name_packages(book_id: BookId) -> str:
    return f"broker/packages/{book_id}"


def _answer_cancel(connection: Connection, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
    row = rows.find_row(connection, client_order_id)
    if row is None:
        reason = "cancelled before it arrived"
    elif row.state == OrderState.REJECTED:
        return rows.find_answers(connection, [client_order_id])[client_order_id]
    elif row.book != str(book_id) or decode_canonical(Order, row.content).package is None:
        raise ExecutionError(
            f"order {client_order_id} is no leg of a package of {book_id}; only such legs are taken back",
            order=client_order_id,
        )
    else:
        reason = "cancelled before its session"
    return OrderChange(client_order_id=client_order_id, state=OrderState.CANCELLED, reason=reason)
