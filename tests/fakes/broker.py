"""The paper broker in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tradeops.domain.books import Book
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import SessionExecutions, TakenOrder


@dataclass
class InMemoryBroker:
    execute: Callable[[date, Book, Sequence[Order]], SessionExecutions]
    accepts: Callable[[Order], str | None]
    orders: dict[ClientOrderId, tuple[BookId, Order, OrderChange]] = field(default_factory=dict)

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        if order.client_order_id not in self.orders:
            refusal = self.accepts(order)
            state = OrderState.SUBMITTED if refusal is None else OrderState.REJECTED
            answer = OrderChange(client_order_id=order.client_order_id, state=state, reason=refusal or "accepted")
            self.orders[order.client_order_id] = (book_id, order, answer)
        return self.orders[order.client_order_id][2]

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        return {order: self.orders[order][2] for order in client_order_ids if order in self.orders}

    def list_orders(self) -> Iterator[TakenOrder]:
        for _, (_, order, answer) in sorted(self.orders.items()):
            yield TakenOrder(order=order, answer=answer)

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        own = [
            order
            for book, order, answer in self.orders.values()
            if (book, order.valid_on) == (book_id, session) and answer.state is OrderState.SUBMITTED
        ]
        return self.execute(session, account, sorted(own, key=lambda order: order.client_order_id))

    def close(self) -> None:
        pass
