"""Values of economic series are known when the table of the module says so."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.adapters.sources.publication_lags import PublicationLags, next_month
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar

Rule = Callable[[PublicationLags, date], datetime]


@pytest.mark.parametrize(
    ("rule", "period", "known"),
    [
        # Winter and summer time of New York; December goes into the next year.
        (PublicationLags.core_cpi, date(2001, 1, 1), datetime(2001, 2, 15, 13, 30, tzinfo=UTC)),
        (PublicationLags.core_cpi, date(2001, 12, 1), datetime(2002, 1, 15, 13, 30, tzinfo=UTC)),
        (PublicationLags.core_cpi, date(2001, 6, 1), datetime(2001, 7, 15, 12, 30, tzinfo=UTC)),
        (PublicationLags.unemployment, date(2001, 5, 1), datetime(2001, 6, 1, 12, 30, tzinfo=UTC)),
        (PublicationLags.unemployment, date(2001, 8, 1), datetime(2001, 9, 7, 12, 30, tzinfo=UTC)),
        (PublicationLags.fifth_business_day, date(2001, 2, 1), datetime(2001, 3, 7, 21, tzinfo=UTC)),
        # The exchange was shut from 11 to 14 September 2001.
        (PublicationLags.five_business_days_after, date(2001, 9, 10), datetime(2001, 9, 21, 20, tzinfo=UTC)),
        # 1 and 2 January 1999 were no sessions: from 1999 on the exchange's holidays count.
        (PublicationLags.fifth_business_day, date(1998, 12, 1), datetime(1999, 1, 8, 21, tzinfo=UTC)),
        # Christmas 1998 was a Friday; before 1999 every weekday counts.
        (PublicationLags.five_business_days_after, date(1998, 12, 21), datetime(1998, 12, 28, 21, tzinfo=UTC)),
        (PublicationLags.fifth_business_day, date(1918, 12, 1), datetime(1919, 1, 7, 21, tzinfo=UTC)),
        # A weekend's value counts from the Monday on.
        (PublicationLags.five_business_days_after, date(2001, 3, 3), datetime(2001, 3, 9, 21, tzinfo=UTC)),
    ],
)
def test_value_is_known_when_the_rule_says(
    rule: Rule, period: date, known: datetime, calendar: ExchangeTradingCalendar
) -> None:
    assert rule(PublicationLags(calendar, date(2013, 5, 1)), period) == known


def test_holidays_of_the_calendar_count_and_not_weekdays() -> None:
    shut = FakeTradingCalendar([*business_days(date(1999, 1, 4), 3), *business_days(date(1999, 2, 1), 20)])
    lags = PublicationLags(shut, date(1999, 3, 31))

    assert lags.five_business_days_after(date(1999, 1, 4)).date() == date(1999, 2, 3)


def test_month_after_december_is_january() -> None:
    assert [next_month(date(2001, month, 1)) for month in (1, 11, 12)] == [
        date(2001, 2, 1),
        date(2001, 12, 1),
        date(2002, 1, 1),
    ]
