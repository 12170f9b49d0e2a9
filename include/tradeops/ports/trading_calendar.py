"""When the exchange is open."""

from datetime import date, datetime
from typing import Protocol


class TradingCalendar(Protocol):
    """Sessions of one exchange; all times are aware UTC."""

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """Sessions from `first` to `last`, both included where they are sessions."""
        ...

    def next_session(self, session: date) -> date:
        """The session after `session`.

        Raises:
            DataError: `session` is no session, or the calendar ends there.
        """
        ...

    def opens_at(self, session: date) -> datetime:
        """Open of a session."""
        ...

    def closes_at(self, session: date) -> datetime:
        """Close of a session: 20:00 or 21:00 UTC, 18:00 on half days."""
        ...
