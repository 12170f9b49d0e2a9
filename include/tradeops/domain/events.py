"""What happened, as every part of the system hears of it: one envelope, versioned payloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from tradeops.domain.errors import DataError
from tradeops.domain.identifiers import content_hash
from tradeops.domain.market import Bar, CorporateAction

EventId = NewType("EventId", str)


class Basis(StrEnum):
    """Whether a `known_time` was seen or is a stated assumption."""

    OBSERVED = "observed"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexBar:
    """One session of a market index, in index points.

    Args:
        index: Name, as `SP500`.
        session: Which session.
        volume: Shares traded in its members.
    """

    index: str
    session: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int

    def __post_init__(self) -> None:
        inside = 0 < self.low <= min(self.open, self.close) and max(self.open, self.close) <= self.high
        if not inside or self.volume < 0:
            raise DataError(f"index bar {self.index} {self.session} breaks low ≤ open, close ≤ high", index=self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroRelease:
    """One published value of an economic series.

    Args:
        series: Name, as `core_cpi`.
        period: First day of the month, or the day, that the value describes.
        value: In the series' own unit.
    """

    series: str
    period: date
    value: Decimal

    def __post_init__(self) -> None:
        if not self.value.is_finite():
            raise DataError(f"{self.series} of {self.period} is {self.value}; a value is finite", series=self.series)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """A session whose bars are loaded; only then may it be decided on."""

    session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFeatures:
    """A session whose features are built; only then may it be decided on.

    Args:
        session: Which session.
        market: Move of the market clock that delivered it, and whose bars the features are made of.
    """

    session: date
    market: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecorded:
    """A session ended for a book, and the record says how.

    Args:
        book: Whose decision, as `live/live/live`.
        session: Decided on this session.
        cycle_id: Of the record.
        outcome: As `decided` or `skipped`.
        orders: Ids of the orders that were sent out with it, ascending.
    """

    book: str
    session: date
    cycle_id: str
    outcome: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettled:
    """A session was settled for a book, and the record says how.

    Args:
        book: Whose settlement, as `live/live/live`.
        session: Which session.
        equity: At the marks, USD.
        fills: How many there were.
    """

    book: str
    session: date
    equity: Decimal
    fills: int


Payload = (
    Bar
    | CorporateAction
    | IndexBar
    | MacroRelease
    | SessionClosed
    | SessionFeatures
    | DecisionRecorded
    | SessionSettled
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A payload with where it comes from and when it was true and known.

    Args:
        type: Name of the payload's schema, as `bar`.
        schema_version: Version of that schema.
        source: Who says so.
        sequence: The source's own sequence, or file and row: two equal prints are two events.
        key: Orders events among themselves and chooses their partition.
        event_time: When it was true, aware UTC.
        known_time: When this system could have used it, aware UTC.
        basis: Whether `known_time` was observed or is assumed.
        payload: What happened.
        trace: Trace context; never part of the identity.
    """

    type: str
    schema_version: int
    source: str
    sequence: str
    key: str
    event_time: datetime
    known_time: datetime
    basis: Basis
    payload: Payload
    trace: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.event_time.tzinfo is None or self.known_time.tzinfo is None:
            raise DataError(f"event {self.source} {self.sequence} has a time without zone; times are aware UTC")

    @property
    def event_id(self) -> EventId:
        """Identity: the same thing said again has the same id, a correction another."""
        parts = [self.type, self.source, self.sequence, self.known_time, self.basis, self.payload]
        return EventId(content_hash(parts))
