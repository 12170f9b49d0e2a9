"""The record of one decision cycle: what was seen, what followed, and what was intended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from tradeops.domain.books import Book
from tradeops.domain.bundles import Bundle
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.claims import InboxKey
from tradeops.domain.identifiers import (
    AgentId,
    BookId,
    CycleId,
    InstrumentId,
    LearnerStateId,
    ValueRef,
    content_hash,
)
from tradeops.domain.market import Watermark
from tradeops.domain.opportunities import Opportunity, Target
from tradeops.domain.orders import Order, OrderIntent
from tradeops.domain.slates import Slate
from tradeops.domain.verdicts import KillSwitch, RiskVerdict


class Outcome(StrEnum):
    """How a session ended for a book."""

    DECIDED = "decided"
    NO_OPINION = "no_opinion"
    SKIPPED = "skipped"
    HELD = "held"
    FINAL_SESSION = "final_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookState:
    """What a cycle knows of its book, from the session's settlement.

    Args:
        book: Cash and positions at the close.
        equity: At the marks, USD.
        peak_equity: Highest of the last 252 sessions.
        last_selected: Last session in which each held name was in the slate.
        kill_switch: Level in force.
    """

    book: Book
    equity: Decimal
    peak_equity: Decimal
    last_selected: Mapping[InstrumentId, date]
    kill_switch: KillSwitch


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRequest:
    """Which decision is asked for.

    Args:
        book_id: For which book.
        session: The session just settled.
        as_of: Aware UTC time of the decision.
        next_session: The session in which orders may fill; None when the source ends before it,
            so that the session is closed without a decision.
        asked_by: The event that asks; its effect is recorded with the decision. None when nobody sent one.
        superseded: A newer session waits already: close this one as skipped.
    """

    book_id: BookId
    session: date
    as_of: datetime
    next_session: date | None
    asked_by: InboxKey | None = None
    superseded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleInputs:
    """Everything outside the view that a decision depends on.

    Args:
        view: Where the recorded view is stored.
        state: The book.
        learner_states: Ids used, by learner.
        bundle: Who decides.
    """

    view: ValueRef
    state: BookState
    learner_states: Mapping[str, LearnerStateId]
    bundle: Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The part of a record that is hashed and must replay bit for bit.

    Args:
        cycle_id: Identity of the cycle.
        book_id: Whose decision.
        session: Decided on this session.
        as_of: Aware UTC time of the decision.
        next_session: Where its orders may fill; None when the source ends before it.
        watermark: Of the first claim.
        outcome: Decided, no opinion, skipped, held (what it needed was away), final session.
        inputs: What it depends on; None where nothing was decided.
        opinions: Stored opinions by agent.
        forecasts: Stored blend; None when nobody spoke.
        slate: Chosen names with their propensities.
        opportunities: In the order of the slate.
        targets: Ascending by instrument.
        intents: Proposed orders before the gate, ascending by order id.
        verdicts: The gate's answers, ascending by order id.
        orders: What is sent, ascending by order id.
    """

    cycle_id: CycleId
    book_id: BookId
    session: date
    as_of: datetime
    next_session: date | None
    watermark: Watermark
    outcome: Outcome
    inputs: CycleInputs | None = None
    opinions: Mapping[AgentId, ValueRef]
    forecasts: ValueRef | None = None
    slate: Slate | None = None
    opportunities: tuple[Opportunity, ...] = ()
    targets: tuple[Target, ...] = ()
    intents: tuple[OrderIntent, ...] = ()
    verdicts: tuple[RiskVerdict, ...] = ()
    orders: tuple[Order, ...] = ()

    @property
    def canonical_bytes(self) -> bytes:
        """What is stored, hashed and compared."""
        return encode_canonical(self)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return content_hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTrace:
    """How a decision was made; informative, never hashed, never compared.

    Args:
        fingerprint: Library versions, CPU class, BLAS and threads.
        owner: Host, process and its start.
        epoch: Of the claim.
        seconds: Wall time by step.
        reason: Why the book was held; None when it was not.
    """

    fingerprint: Mapping[str, str]
    owner: str
    epoch: int
    seconds: Mapping[str, float]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision and how it was made."""

    decision: Decision
    trace: DecisionTrace
