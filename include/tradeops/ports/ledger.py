"""The append-only, hash-chained record of what was decided and done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import Claim, ClaimRequest, ClockMove, InboxKey
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.identifiers import (
    BookId,
    BundleId,
    ClientOrderId,
    CycleId,
    LearnerStateId,
    PolicyVersion,
)
from tradeops.domain.learners import LearnerState
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.models import ModelRef, Promotion
from tradeops.domain.orders import Fill, Order, OrderChange
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.domain.trading_window import WindowChange
from tradeops.domain.verdicts import KillSwitch


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The end of one stream."""

    stream: str
    sequence: int
    digest: str


class CycleClaims(Protocol):
    """Who may run a cycle."""

    def claim_cycle(self, request: ClaimRequest) -> Claim:
        """Claim the one cycle of (account, stage, run, as_of), whatever its bundle.

        Closed or decided by anybody: say so in the claim's state; a closed cycle writes nothing, a
        decided one gets a new epoch. Held by a dead owner or past its time: a higher epoch with
        the first claim's cycle id, bundle, universe and watermark. A granted epoch is also an
        entry of the book's claims stream. An owner may claim again what it holds (a higher epoch).

        Raises:
            CycleHeld: A living owner holds it.
        """
        ...

    def renew_claim(self, claim: Claim) -> None:
        """Extend the claim's life.

        Raises:
            StaleEpoch: A newer claim exists.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """Something that is on record and has to be told.

    Args:
        stream: Of the ledger; its rows are told in the order of their sequence.
        sequence: Of the entry that the row was written with.
        topic: Where it belongs.
        key: What it is about, as its writer names it.
    """

    stream: str
    sequence: int
    topic: str
    key: str


class CycleRecords(Protocol):
    """What a running cycle writes and reads back."""

    def record_decision(self, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        """Write record, its orders as `new`, outbox rows and the inbox row in one transaction.

        Repeating it with an equal decision is harmless.

        Raises:
            StaleEpoch: A newer claim exists.
            CycleConflict: Another decision is recorded for the same book and time.
        """
        ...

    def record_order_changes(self, claim: Claim, changes: Sequence[OrderChange]) -> None:
        """Append new states of orders; a state that an order already has is skipped.

        Raises:
            StaleEpoch: A newer claim exists.
            IllegalTransition: The order's state machine has no such step.
        """
        ...

    def close_cycle(self, claim: Claim) -> None:
        """Mark the cycle closed; once.

        Raises:
            StaleEpoch: A newer claim exists.
        """
        ...

    def get_decision(self, cycle_id: CycleId) -> DecisionRecord:
        """A decision by full identifier or an unambiguous beginning of it.

        Raises:
            UnknownRecord: There is none, or more than one.
        """
        ...

    def orders_in(self, cycle_id: CycleId, state: OrderState) -> tuple[Order, ...]:
        """Orders of a cycle whose latest state is `state`, ascending by id."""
        ...

    def orders_by_state(self, cycle_id: CycleId) -> Mapping[OrderState, tuple[Order, ...]]:
        """All orders of a cycle under their latest states, each ascending by id."""
        ...


class DecisionLog(Protocol):
    """What was decided, for readers."""

    def find_decision(self, book_id: BookId, session: date) -> DecisionRecord | None:
        """The book's decision of a session."""
        ...

    def list_decisions(self, book_id: BookId | None = None) -> Iterator[DecisionRecord]:
        """Decisions in the order recorded."""
        ...

    def last_closed_session(self, book_id: BookId) -> date | None:
        """Session of the book's newest closed cycle."""
        ...

    def order_states(self, book_id: BookId) -> Mapping[ClientOrderId, tuple[OrderChange, ...]]:
        """All states of all orders of a book, oldest first."""
        ...


class Boxes(Protocol):
    """What events did here, and what has to be told elsewhere."""

    def find_effect(self, event: InboxKey) -> CycleId | None:
        """The cycle that was recorded for an event; None when it had no effect on the consumer yet."""
        ...

    def read_outbox(self, limit: int) -> tuple[OutboxRow, ...]:
        """Oldest rows behind the cursor, in each stream ascending by sequence."""
        ...

    def advance_outbox(self, told: Sequence[OutboxRow]) -> None:
        """Move the cursor of each stream behind its last row; it never goes back."""
        ...


class BookKeeping(Protocol):
    """Settlements, fills and learner states."""

    def record_settlement(self, settlement: Settlement, learner_states: Sequence[LearnerState]) -> None:
        """Write a settlement with its fills, order states and new learner states in one transaction.

        Repeating it with equal content is harmless.

        Raises:
            CycleConflict: The session is settled otherwise.
        """
        ...

    def find_settlement(self, book_id: BookId, session: date) -> Settlement | None:
        """The book's settlement of a session."""
        ...

    def latest_settlement(self, book_id: BookId) -> Settlement | None:
        """The book's newest settlement."""
        ...

    def list_settlements(self, book_id: BookId) -> Iterator[Settlement]:
        """Settlements, oldest first."""
        ...

    def list_fills(self, book_id: BookId) -> tuple[Fill, ...]:
        """Fills in the order recorded."""
        ...

    def recent_equity(self, book_id: BookId, before: date, count: int) -> tuple[str, ...]:
        """Equity (decimal text) of up to `count` settlements before a session, oldest first."""
        ...

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        """A learner state.

        Raises:
            UnknownRecord: There is none.
        """
        ...


class Configuration(Protocol):
    """Versions of what decides, and the kill switch."""

    def record_policy(self, policy: TradingPolicy) -> None:
        """Keep a policy version; once."""
        ...

    def policy(self, version: PolicyVersion) -> TradingPolicy:
        """A recorded policy.

        Raises:
            UnknownRecord: There is none.
            ConfigurationError: Another version of the software recorded it, with other values.
        """
        ...

    def record_bundle(self, bundle: Bundle) -> None:
        """Keep a bundle; once."""
        ...

    def bundle(self, bundle_id: BundleId) -> Bundle:
        """A recorded bundle.

        Raises:
            UnknownRecord: There is none.
        """
        ...

    def kill_switch(self, book_id: BookId) -> KillSwitch:
        """The level in force; `off` if nobody ever set one."""
        ...

    def set_kill_switch(self, book_id: BookId, level: KillSwitch, *, person: str, reason: str) -> None:
        """Append a level with who set it and why."""
        ...


class MarketClock(Protocol):
    """The last session whose bars are loaded."""

    def market_clock(self) -> date | None:
        """Where the clock stands; None before the first move."""
        ...

    def clock_move(self, market: int) -> ClockMove:
        """The move with that sequence in the market stream, as a watermark's `market` names it.

        Raises:
            UnknownRecord: There is none.
        """
        ...

    def market_sequence(self) -> int:
        """Sequence of the newest move; 0 before the first."""
        ...

    def find_clock_move(self, requested_by: str) -> ClockMove | None:
        """The move that this event caused."""
        ...

    def record_clock_move(self, move: ClockMove) -> None:
        """Move the clock; the same `requested_by` again is harmless.

        Raises:
            CycleConflict: The clock does not stand at `move.before`.
        """
        ...


class Promotions(Protocol):
    """Who stands where, and why."""

    def record_promotion(self, promotion: Promotion) -> None:
        """Append an entry; the same `requested_by` and model again is harmless.

        Raises:
            IllegalTransition: The model does not stand at `before`, or there is no such step.
        """
        ...

    def find_promotion(self, requested_by: str, model: ModelRef) -> Promotion | None:
        """What became of a request."""
        ...

    def list_promotions(self) -> tuple[Promotion, ...]:
        """All entries, oldest first; `read_standing` folds them."""
        ...


class TradingWindow(Protocol):
    """Whether what waits may be decided."""

    def record_window_change(self, change: WindowChange) -> None:
        """Append a change; the same `requested_by` again is harmless.

        Raises:
            IllegalTransition: A person closed it, and the schedule has no say until a person opens it.
        """
        ...

    def newest_window_change(self) -> WindowChange | None:
        """The change in force; None when nobody ever opened or closed the window."""
        ...

    def list_window_changes(self) -> tuple[WindowChange, ...]:
        """All changes, oldest first."""
        ...


class Chains(Protocol):
    """The streams themselves."""

    def chain_heads(self) -> tuple[ChainHead, ...]:
        """Heads of all streams, ascending by name."""
        ...

    def count_rows(self) -> Mapping[str, int]:
        """Rows of every table of the ledger."""
        ...

    def verify_chains(self) -> None:
        """Recompute every hash.

        Raises:
            CorruptInput: An entry was changed, removed or put in; names stream and sequence.
        """
        ...


class CycleLedger(CycleClaims, CycleRecords, Protocol):
    """The part of the ledger that one cycle may touch."""


class Ledger(
    CycleLedger,
    DecisionLog,
    Boxes,
    BookKeeping,
    Configuration,
    MarketClock,
    Promotions,
    TradingWindow,
    Chains,
    Protocol,
):
    """All of it; one adapter object serves one thread of one process."""
