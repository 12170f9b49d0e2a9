"""What every calendar keeps."""

from datetime import UTC, date, timedelta

import pytest

from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.errors import DataError
from tradeops.ports.trading_calendar import TradingCalendar


@pytest.fixture(scope="module", params=["exchange", "fake"])
def calendar(request: pytest.FixtureRequest) -> TradingCalendar:
    days = business_days(date(2001, 2, 20), 40)
    return ExchangeTradingCalendar() if request.param == "exchange" else FakeTradingCalendar(days)


def test_a_range_includes_both_ends_and_skips_the_weekend(calendar: TradingCalendar) -> None:
    week = calendar.sessions(date(2001, 3, 1), date(2001, 3, 6))
    assert week == (date(2001, 3, 1), date(2001, 3, 2), date(2001, 3, 5), date(2001, 3, 6))
    assert calendar.sessions(date(2001, 3, 3), date(2001, 3, 4)) == ()


def test_the_next_session_is_the_next_of_the_range(calendar: TradingCalendar) -> None:
    sessions = calendar.sessions(date(2001, 3, 1), date(2001, 3, 20))
    assert [calendar.next_session(day) for day in sessions[:-1]] == list(sessions[1:])


def test_a_session_opens_before_it_closes_in_aware_utc(calendar: TradingCalendar) -> None:
    for session in calendar.sessions(date(2001, 3, 1), date(2001, 3, 20)):
        opens_at, closes_at = calendar.opens_at(session), calendar.closes_at(session)
        assert opens_at.utcoffset() == closes_at.utcoffset() == timedelta(0)
        assert opens_at.date() == closes_at.date() == session
        assert opens_at < closes_at


@pytest.mark.parametrize("ask", ["next_session", "opens_at", "closes_at"])
def test_a_day_off_is_a_data_error(calendar: TradingCalendar, ask: str) -> None:
    with pytest.raises(DataError):
        getattr(calendar, ask)(date(2001, 3, 3))


def test_the_exchange_closes_early_on_half_days_and_moves_with_daylight_saving() -> None:
    calendar = ExchangeTradingCalendar()
    hours = {day: calendar.closes_at(day).hour for day in (date(2001, 3, 1), date(2001, 7, 2), date(2012, 11, 23))}
    assert hours == {date(2001, 3, 1): 21, date(2001, 7, 2): 20, date(2012, 11, 23): 18}
    assert calendar.opens_at(date(2001, 3, 1)).tzinfo is UTC


def test_the_exchange_was_shut_after_the_attacks_and_the_hurricane() -> None:
    calendar = ExchangeTradingCalendar()
    assert calendar.next_session(date(2001, 9, 10)) == date(2001, 9, 17)
    assert calendar.next_session(date(2012, 10, 26)) == date(2012, 10, 31)


def test_the_calendar_does_not_pretend_to_reach_further_than_it_does() -> None:
    calendar = ExchangeTradingCalendar(first_day="2001-03-01", last_day="2001-03-30")
    with pytest.raises(DataError):
        calendar.sessions(date(2001, 2, 1), date(2001, 3, 10))
    with pytest.raises(DataError):
        calendar.next_session(date(2001, 3, 30))
