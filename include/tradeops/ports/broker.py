"""Who executes orders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tradeops.domain.books import Book
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.orders import Fill, Order, OrderChange


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExecutions:
    """What became of a book's open orders in one session.

    Args:
        fills: In the order executed: sells before buys, ties by order id.
        changes: One final state per order, in the same order; says why when not filled whole.
    """

    fills: tuple[Fill, ...]
    changes: tuple[OrderChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOrder:
    """An order as the broker has it.

    Args:
        order: What was asked for.
        answer: The broker's first answer to it.
        cancelled: Whether it was taken back.
    """

    order: Order
    answer: OrderChange
    cancelled: bool = False


class Broker(Protocol):
    """Takes orders once and reports executions as often as asked."""

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        """Hand over an order; `submitted` or `rejected` with the reason, `cancelled` when its cancel came first.

        A client_order_id that the broker already has is not taken again: the first answer is
        returned.

        Raises:
            ExternalServiceError: The outcome is unknown; ask with `find`, do not send again.
        """
        ...

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        """Take a leg of a package back before its session, and say where it stands then; may be repeated.

        `cancelled`, also for an order that the broker does not have: it is not taken should it still
        arrive. One that was rejected, or that its session filled or let expire, stays so.

        Raises:
            ExecutionError: The order is no leg of a package of this book.
            ExternalServiceError: The outcome is unknown.
        """
        ...

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        """What was said of those orders that the broker has or was told to cancel: first answer or `cancelled`."""
        ...

    def list_orders(self) -> Iterator[TakenOrder]:
        """Every order that was ever handed over, of any book, ascending by id."""
        ...

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        """Executions of the book's orders valid in `session`; the same answer at every call.

        What was rejected or cancelled is left out: that was said before.

        Args:
            book_id: Whose orders.
            session: In which session.
            account: The book after the session's corporate actions, as the custodian sees it.
        """
        ...
