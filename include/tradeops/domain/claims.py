"""Who may write for a cycle, and what moved the market clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tradeops.domain.identifiers import BookId, BundleId, CycleId
from tradeops.domain.lifecycle import CycleState
from tradeops.domain.market import Watermark


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxKey:
    """An event whose effect on a consumer is recorded with it, once."""

    consumer: str
    topic: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process that runs cycles: alive only if host, pid and start time all still match."""

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.started:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Ask to run the one cycle of a book at a time.

    Args:
        cycle_id: Identity under the caller's bundle and universe.
        book_id: Whose cycle.
        session: Of which session.
        as_of: At which time.
        bundle: The caller's bundle.
        universe_version: The caller's universe.
        owner: The caller.
        ttl_seconds: How long the claim lives on another host without renewal.
    """

    cycle_id: CycleId
    book_id: BookId
    session: date
    as_of: datetime
    bundle: BundleId
    universe_version: str
    owner: Owner
    ttl_seconds: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to write for a cycle at one epoch.

    Args:
        cycle_id: Of the first claim; a redo keeps it.
        book_id: Whose cycle.
        session: Of which session.
        epoch: Rises by one with each claim; the ledger refuses writes of an older one. The epoch
            of a closed cycle is that of its last claim and lets nobody write.
        state: Claimed, decided (route what is pending, then close) or closed (nothing to do).
        watermark: Of the first claim; a redo sees the same inputs.
        bundle: Of the first claim.
        universe_version: Of the first claim.
    """

    cycle_id: CycleId
    book_id: BookId
    session: date
    epoch: int
    state: CycleState
    watermark: Watermark
    bundle: BundleId
    universe_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMove:
    """The market clock moved: sessions up to `after` are closed and their bars are loaded.

    Args:
        before: Where it stood; None at the very first.
        after: Where it stands.
        sessions: How many sessions were closed by it.
        requested_by: Consumer and event id; one move each.
        positions: Offset up to which each partition (`topic/number`) was sealed: what a cycle that
            was claimed after this move may see.
        counts: Records published, validated, dead and duplicate on the way.
    """

    before: date | None
    after: date
    sessions: int
    requested_by: str
    positions: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
