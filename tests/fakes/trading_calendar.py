"""A calendar of any dates: open from 14:30 to 21:00 UTC."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from tradeops.domain.errors import DataError


def business_days(first: date, count: int) -> tuple[date, ...]:
    """`count` weekdays from `first` on."""
    days = (first + timedelta(days=step) for step in range(2 * count + 7))
    return tuple(day for day in days if day.weekday() < 5)[:count]


class FakeTradingCalendar:
    def __init__(self, sessions: Iterable[date]) -> None:
        self._sessions = tuple(sorted(sessions))

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        return tuple(day for day in self._sessions if first <= day <= last)

    def next_session(self, session: date) -> date:
        self._check(session)
        if session == self._sessions[-1]:
            raise DataError(f"the calendar ends on {session}")
        return self._sessions[self._sessions.index(session) + 1]

    def opens_at(self, session: date) -> datetime:
        self._check(session)
        return datetime.combine(session, time(14, 30), UTC)

    def closes_at(self, session: date) -> datetime:
        self._check(session)
        return datetime.combine(session, time(21, 0), UTC)

    def _check(self, session: date) -> None:
        if session not in self._sessions:
            raise DataError(f"{session} is no session")
