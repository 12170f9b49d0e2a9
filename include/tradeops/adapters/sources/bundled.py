"""All data that ship with installed packages, as one source."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property

from tradeops.adapters.sources.bundled_index_bars import list_index_records
from tradeops.adapters.sources.bundled_macro import list_macro_records
from tradeops.adapters.sources.bundled_stocks import FIRST_SESSION, LAST_SESSION, list_stock_records
from tradeops.adapters.sources.session_times import SessionTimes
from tradeops.adapters.sources.sorted_records import SortedRecords
from tradeops.domain.policy import TimePolicy
from tradeops.ports.raw_source import RawRecord
from tradeops.ports.trading_calendar import TradingCalendar


class BundledSource:
    """Stocks, corporate actions, index bars and macro series.

    The declared range is that of the stocks. The files are read at the first read; nothing changes
    afterwards, so threads and forked processes may share it. It holds nothing open.

    Args:
        calendar: Sessions from 1999 to 60 days after the last of the range.
        policy: The vendor's delay.
    """

    def __init__(self, calendar: TradingCalendar, policy: TimePolicy) -> None:
        self._calendar = calendar
        self._policy = policy

    @property
    def first_session(self) -> date:
        """2000-03-01."""
        return FIRST_SESSION

    @property
    def last_session(self) -> date:
        """2013-03-01."""
        return LAST_SESSION

    def read(self, *, after: datetime | None, until: datetime) -> Iterator[RawRecord]:
        """Records with `after < known_time ≤ until`, by topic and within it by `known_time`.

        Raises:
            ConfigurationError: A package is not installed.
        """
        return self._records.read(after=after, until=until)

    @cached_property
    def _records(self) -> SortedRecords:
        times = SessionTimes(calendar=self._calendar, policy=self._policy)
        return SortedRecords(
            (
                *list_stock_records(times),
                *list_index_records(times, LAST_SESSION),
                *list_macro_records(self._calendar, LAST_SESSION),
            )
        )
