"""One series as it was known at a moment, for a reader whose moments only go forward."""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter

from tradeops.domain.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One value of a series, or a revision of it.

    Args:
        period: Which month or day it describes.
        value: In the series' own unit.
        known: When it was known, aware UTC.
    """

    period: date
    value: float
    known: datetime


class KnownSeries:
    """Releases known so far; of several for one period the one known last counts.

    Args:
        releases: All of them; of two known at the same time the later one given counts.
    """

    def __init__(self, releases: Iterable[Release]) -> None:
        self._releases = sorted(releases, key=attrgetter("known"))
        self._next = 0
        self._as_of: datetime | None = None
        self._periods: list[date] = []
        self._values: dict[date, Release] = {}

    def stand_at(self, as_of: datetime) -> None:
        """Take in what is known at a moment.

        Raises:
            DataError: The moment lies before the last one.
        """
        if self._as_of is not None and as_of < self._as_of:
            raise DataError(f"a reader at {self._as_of} does not go back to {as_of}; start a new one", at=as_of)
        self._as_of = as_of
        while self._next < len(self._releases) and self._releases[self._next].known <= as_of:
            release = self._releases[self._next]
            if release.period not in self._values:
                insort(self._periods, release.period)
            self._values[release.period] = release
            self._next += 1

    def newest_period(self, stale_after: int) -> date | None:
        """The newest period known; None when its value has been known for more than `stale_after` days."""
        if not self._periods or self._as_of is None:
            return None
        newest = self._values[self._periods[-1]]
        return newest.period if self._as_of - newest.known <= timedelta(days=stale_after) else None

    def value(self, period: date) -> float | None:
        """The value of a period; None if none is known."""
        release = self._values.get(period)
        return None if release is None else release.value

    def newest_values(self, count: int) -> list[float]:
        """The newest values, newest first; fewer when fewer are known."""
        return [self._values[period].value for period in self._periods[: -count - 1 : -1]]


def go_back(month: date, months: int) -> date:
    """The first day of the month that many months earlier."""
    number = month.year * 12 + month.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)
