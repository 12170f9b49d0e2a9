import pytest

from tradeops.adapters.sources.bundled import BundledSource
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.policy import load_policy


@pytest.fixture(scope="session")
def calendar() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@pytest.fixture(scope="session")
def bundled(calendar: ExchangeTradingCalendar) -> BundledSource:
    return BundledSource(calendar, load_policy().time)
