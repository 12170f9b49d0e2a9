"""The paper broker in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tradeops.domain.books import Book
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import SessionExecutions, TakenOrder


@dataclass
class InMemoryBroker:
    execute: Callable[[date, Book, Sequence[Order]], SessionExecutions]
    accepts: Callable[[Order], str | None]
    orders: dict[ClientOrderId, tuple[BookId, Order, OrderChange]] = field(default_factory=dict)
    endings: dict[ClientOrderId, OrderChange] = field(default_factory=dict)

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        if self.is_cancelled(order.client_order_id):
            return self.endings[order.client_order_id]
        if order.client_order_id not in self.orders:
            refusal = self.accepts(order)
            state = OrderState.SUBMITTED if refusal is None else OrderState.REJECTED
            answer = OrderChange(client_order_id=order.client_order_id, state=state, reason=refusal or "accepted")
            self.orders[order.client_order_id] = (book_id, order, answer)
        return self.orders[order.client_order_id][2]

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        if client_order_id not in self.endings:
            book, order, answer = self.orders.get(client_order_id, (book_id, None, None))
            if answer is not None and answer.state is OrderState.REJECTED:
                return answer
            if order is not None and (book != book_id or order.package is None):
                raise ExecutionError(f"{client_order_id} is no leg of a package of {book_id}")
            reason = "cancelled before its session" if order else "cancelled before it arrived"
            self.endings[client_order_id] = OrderChange(
                client_order_id=client_order_id, state=OrderState.CANCELLED, reason=reason
            )
        return self.endings[client_order_id]

    def is_cancelled(self, order: ClientOrderId) -> bool:
        return order in self.endings and self.endings[order].state is OrderState.CANCELLED

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        taken = {order: self.orders[order][2] for order in client_order_ids if order in self.orders}
        return taken | {order: self.endings[order] for order in client_order_ids if self.is_cancelled(order)}

    def list_orders(self) -> Iterator[TakenOrder]:
        for identity, (_, order, answer) in sorted(self.orders.items()):
            yield TakenOrder(order=order, answer=answer, cancelled=self.is_cancelled(identity))

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        own = [
            order
            for identity, (book, order, answer) in sorted(self.orders.items())
            if (book, order.valid_on, answer.state) == (book_id, session, OrderState.SUBMITTED)
            and not self.is_cancelled(identity)
        ]
        executed = self.execute(session, account, own)
        legs = {order.client_order_id for order in own if order.package}
        for change in executed.changes:
            if change.client_order_id in legs:
                self.endings.setdefault(change.client_order_id, change)
        return executed

    def close(self) -> None:
        pass
