"""Sessions of the New York Stock Exchange from `exchange_calendars`, as plain dates and times."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from exchange_calendars import get_calendar

from tradeops.domain.errors import DataError

FIRST_DAY = "1999-01-01"
LAST_DAY = "2014-12-31"

FoundT = TypeVar("FoundT", date, datetime)


class ExchangeTradingCalendar:
    """XNYS, read once into dictionaries; immutable, so threads and forked processes may share it.

    Args:
        first_day: Where the calendar begins; the library's own default is 20 years before today.
        last_day: Where it ends, after the last session that anybody asks for.
    """

    def __init__(self, first_day: str = FIRST_DAY, last_day: str = LAST_DAY) -> None:
        schedule = get_calendar("XNYS", start=first_day, end=last_day).schedule
        self._sessions: tuple[date, ...] = tuple(day.date() for day in schedule.index)
        self._opens = _times(self._sessions, schedule["open"])
        self._closes = _times(self._sessions, schedule["close"])
        self._next = dict(zip(self._sessions, self._sessions[1:], strict=False))

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """Sessions from `first` to `last`, both included where they are sessions.

        Raises:
            DataError: The range leaves the calendar.
        """
        if first < self._sessions[0] or last > self._sessions[-1]:
            raise DataError(
                f"{first} … {last} leaves the calendar {self._sessions[0]} … {self._sessions[-1]}", first=first
            )
        return self._sessions[bisect_left(self._sessions, first) : bisect_right(self._sessions, last)]

    def next_session(self, session: date) -> date:
        """The session after `session`."""
        return _look_up(self._next, session)

    def opens_at(self, session: date) -> datetime:
        """Open of a session, aware UTC."""
        return _look_up(self._opens, session)

    def closes_at(self, session: date) -> datetime:
        """Close of a session, aware UTC."""
        return _look_up(self._closes, session)


def _times(sessions: tuple[date, ...], stamps: Iterable[Any]) -> dict[date, datetime]:
    return {day: stamp.to_pydatetime().astimezone(UTC) for day, stamp in zip(sessions, stamps, strict=True)}


def _look_up(table: dict[date, FoundT], session: date) -> FoundT:
    try:
        return table[session]
    except KeyError as error:
        raise DataError(f"{session} is no session, or the calendar ends there", session=session) from error
