"""Ports of a replay: they give what was recorded and keep what is made in memory."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tradeops.domain.books import Book
from tradeops.domain.claims import Claim, ClaimRequest, InboxKey
from tradeops.domain.decisions import CycleRequest, Decision, DecisionRecord
from tradeops.domain.errors import ExecutionError, UnknownRecord
from tradeops.domain.identifiers import (
    BookId,
    ClientOrderId,
    CycleId,
    LearnerStateId,
    ValueRef,
)
from tradeops.domain.learners import LearnerState
from tradeops.domain.lifecycle import CycleState, OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import SessionExecutions, TakenOrder
from tradeops.ports.input_reader import ReadInputs
from tradeops.ports.value_store import ValueStore


@dataclass(slots=True, kw_only=True)
class OverlayValues:
    """Reads through to the stored values; what is put stays in memory."""

    stored: ValueStore
    made: dict[ValueRef, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> ValueRef:
        """Keep in memory under its hash."""
        ref = ValueRef(hashlib.sha256(data).hexdigest())
        self.made[ref] = data
        return ref

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """As one after another."""
        return tuple(self.put(data) for data in values)

    def get(self, ref: ValueRef) -> bytes:
        """From memory, else as stored."""
        made = self.made.get(ref)
        return self.stored.get(ref) if made is None else made


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedInputs:
    """The input reader of a replay."""

    inputs: ReadInputs
    learners: Mapping[LearnerStateId, LearnerState]

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        """What the recorded cycle read."""
        return self.inputs

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        """A learner state that the recorded cycle named."""
        return self.learners[state_id]


@dataclass(slots=True, kw_only=True)
class CapturingLedger:
    """Grants the recorded claim and captures the decision that a replay makes."""

    recorded: Decision
    captured: DecisionRecord | None = None

    def claim_cycle(self, request: ClaimRequest) -> Claim:
        """The recorded cycle's own identity and watermark."""
        recorded = self.recorded
        return Claim(
            cycle_id=recorded.cycle_id,
            book_id=recorded.book_id,
            session=recorded.session,
            epoch=1,
            state=CycleState.CLAIMED,
            watermark=recorded.watermark,
            bundle=request.bundle,
            universe_version=request.universe_version,
        )

    def renew_claim(self, claim: Claim) -> None:
        """Nobody competes for a replay."""

    def record_decision(self, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        """Capture."""
        self.captured = record

    def record_order_changes(self, claim: Claim, changes: Sequence[OrderChange]) -> None:
        """Orders of a replay have no life."""

    def close_cycle(self, claim: Claim) -> None:
        """Nothing to close."""

    def get_decision(self, cycle_id: CycleId) -> DecisionRecord:
        """What was captured."""
        if self.captured is None:
            raise UnknownRecord(f"replay of {cycle_id} ended without a decision")
        return self.captured

    def orders_in(self, cycle_id: CycleId, state: OrderState) -> tuple[Order, ...]:
        """None to route."""
        return ()

    def orders_by_state(self, cycle_id: CycleId) -> Mapping[OrderState, tuple[Order, ...]]:
        """None to route."""
        return {}


class SilentBroker:
    """A replay never reaches a broker."""

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        """Refused."""
        raise ExecutionError(f"a replay tried to send order {order.client_order_id}")

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        """Refused."""
        raise ExecutionError(f"a replay tried to cancel order {client_order_id}")

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        """Knows nothing."""
        return {}

    def list_orders(self) -> Iterator[TakenOrder]:
        """Has none."""
        return iter(())

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        """Executes nothing."""
        return SessionExecutions(fills=(), changes=())
