"""The parts of ledger, broker and value store that settlement touches, in memory."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tradeops.domain.books import Book
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, ClientOrderId, LearnerStateId, ValueRef
from tradeops.domain.learners import LearnerState
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Fill, Order, OrderChange
from tradeops.domain.settlements import Settlement
from tradeops.execution.paper_fills import Acceptor, Executor
from tradeops.ports.broker import SessionExecutions


@dataclass
class InMemoryBookKeeping:
    settlements: dict[tuple[BookId, date], Settlement] = field(default_factory=dict)
    states: dict[LearnerStateId, LearnerState] = field(default_factory=dict)
    decisions: dict[tuple[BookId, date], DecisionRecord] = field(default_factory=dict)
    closed: date | None = None
    recordings: int = 0

    def record_settlement(self, settlement: Settlement, learner_states: Sequence[LearnerState]) -> None:
        self.recordings += 1
        self.settlements[settlement.book_id, settlement.session] = settlement
        self.states |= {state.state_id: state for state in learner_states}

    def find_settlement(self, book_id: BookId, session: date) -> Settlement | None:
        return self.settlements.get((book_id, session))

    def latest_settlement(self, book_id: BookId) -> Settlement | None:
        found = [session for book, session in self.settlements if book == book_id]
        return self.settlements[book_id, found[-1]] if found else None

    def list_settlements(self, book_id: BookId) -> Iterator[Settlement]:
        return (settlement for (book, _), settlement in self.settlements.items() if book == book_id)

    def list_fills(self, book_id: BookId) -> tuple[Fill, ...]:
        return tuple(fill for settlement in self.list_settlements(book_id) for fill in settlement.fills)

    def recent_equity(self, book_id: BookId, before: date, count: int) -> tuple[str, ...]:
        found = [s for s in self.list_settlements(book_id) if s.session < before]
        return tuple(str(settlement.equity) for settlement in found[-count:])

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        return self.states[state_id]

    def find_decision(self, book_id: BookId, session: date) -> DecisionRecord | None:
        return self.decisions.get((book_id, session))

    def last_closed_session(self, book_id: BookId) -> date | None:
        return self.closed


@dataclass
class InMemoryBroker:
    execute: Executor
    accepts: Acceptor
    orders: dict[ClientOrderId, tuple[BookId, Order, OrderChange]] = field(default_factory=dict)

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        refusal = self.accepts(order)
        state = OrderState.REJECTED if refusal else OrderState.SUBMITTED
        answer = OrderChange(client_order_id=order.client_order_id, state=state, reason=refusal or "accepted")
        return self.orders.setdefault(order.client_order_id, (book_id, order, answer))[2]

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        return {order_id: self.orders[order_id][2] for order_id in client_order_ids if order_id in self.orders}

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        taken = [
            order
            for book, order, answer in self.orders.values()
            if book == book_id and order.valid_on == session and answer.state is OrderState.SUBMITTED
        ]
        return self.execute(session, account, taken)


@dataclass
class InMemoryValues:
    values: dict[ValueRef, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> ValueRef:
        ref = ValueRef(hashlib.sha256(data).hexdigest())
        self.values[ref] = data
        return ref

    def get(self, ref: ValueRef) -> bytes:
        try:
            return self.values[ref]
        except KeyError as error:
            raise UnknownRecord(f"nothing is stored under {ref}") from error
