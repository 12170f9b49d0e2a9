"""When a value of an economic series was published: assumed, because the files hold the last vintage.

| series | known |
|---|---|
| core CPI | the 15th of the next month, 8:30 New York |
| unemployment | the first Friday of the next month, 8:30 New York |
| AAA and BAA yields, Fama–French factors | the fifth business day of the next month, 16:00 New York |
| WTI | the fifth business day after the day, 16:00 New York |

The hours 16:00 are an assumption of this module: they are before the decision of a full session and
after that of a half day. Business days are the exchange's sessions from 1999 on, where its calendar
begins, and Monday to Friday before. A value is true at the end of its month or day, midnight UTC.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradeops.ports.trading_calendar import TradingCalendar

WEEKDAYS_SINCE = date(1910, 1, 1)
WEEKDAYS_UNTIL = date(1998, 12, 31)
CALENDAR_SINCE = date(1999, 1, 4)
LAG_DAYS = 5
CPI_DAY = 15

_NEW_YORK = ZoneInfo("America/New_York")
_MORNING, _AFTERNOON = time(8, 30), time(16)
_FRIDAY = 4


class PublicationLags:
    """The rules of the table, over the business days from 1910 to a last day.

    Args:
        calendar: Sessions of the exchange from 1999 on.
        last: Last day that a release may fall on.
    """

    def __init__(self, calendar: TradingCalendar, last: date) -> None:
        days = (WEEKDAYS_UNTIL - WEEKDAYS_SINCE).days
        before = (WEEKDAYS_SINCE + timedelta(days=step) for step in range(days + 1))
        weekdays = (day for day in before if day.weekday() <= _FRIDAY)
        self._business_days: Sequence[date] = (*weekdays, *calendar.sessions(CALENDAR_SINCE, last))

    def core_cpi(self, month: date) -> datetime:
        """Release of a month's index."""
        return _new_york(next_month(month).replace(day=CPI_DAY), _MORNING)

    def unemployment(self, month: date) -> datetime:
        """Release of a month's rate."""
        first = next_month(month)
        return _new_york(first + timedelta(days=(_FRIDAY - first.weekday()) % 7), _MORNING)

    def fifth_business_day(self, month: date) -> datetime:
        """The fifth business day of the month after `month`."""
        place = bisect_left(self._business_days, next_month(month))
        return _new_york(self._business_days[place + LAG_DAYS - 1], _AFTERNOON)

    def five_business_days_after(self, day: date) -> datetime:
        """The fifth business day after `day`."""
        place = bisect_right(self._business_days, day)
        return _new_york(self._business_days[place + LAG_DAYS - 1], _AFTERNOON)


def next_month(month: date) -> date:
    """First day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _new_york(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, _NEW_YORK).astimezone(UTC)
