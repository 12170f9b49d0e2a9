"""Where bars and corporate actions come from, point in time."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketWindow:
    """The last rows of some names up to a session, oldest first; columns as in `MarketView`."""

    sessions: tuple[date, ...]
    columns: dict[str, FloatArray]
    reference_prices: dict[InstrumentId, Decimal]


class MarketSource(Protocol):
    """A source of daily bars in raw prices and raw shares.

    A bar's `known_time` is its session's close plus the vendor's delay, a corporate action's the
    open of its ex-date. Every read names the time at which the reader stands, and raises
    `NotKnownYet` for anything known later.
    """

    @property
    def first_session(self) -> date:
        """First session of the declared range."""
        ...

    @property
    def last_session(self) -> date:
        """Last session of the declared range."""
        ...

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """All names, ascending."""
        ...

    def bar(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> Bar | None:
        """The bar, or None if the name did not trade in that session."""
        ...

    def actions(self, session: date, *, known_at: datetime) -> tuple[CorporateAction, ...]:
        """Splits and dividends with that ex-date, ascending by instrument."""
        ...

    def ended_on(self, instrument: InstrumentId, *, known_at: datetime) -> date | None:
        """Session of the name's final bar, once a session without it is known; else None.

        A hole among bars is no end. That an end is told apart from a hole at the first missing
        session is assumed: exchanges announce a delisting.
        """
        ...

    def count_bars(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> int:
        """How many bars the name has up to and including the session."""
        ...

    def read_window(
        self, names: tuple[InstrumentId, ...], session: date, rows: int, *, known_at: datetime
    ) -> MarketWindow:
        """The last `rows` sessions up to `session` for names that traded in all of them.

        Raises:
            NotKnownYet: The session's bar is not known at `known_at`.
            DataError: A name has fewer bars, or a hole among them.
        """
        ...
