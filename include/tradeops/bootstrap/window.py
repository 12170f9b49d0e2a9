"""Joins the trading window to this installation and to today's calendar."""

from datetime import datetime, timedelta

from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.domain.trading_window import WindowChange, WindowState
from tradeops.services.follow_sessions import follow_sessions
from tradeops.settings import Settings

_AROUND = timedelta(days=7)


def turn_by_sessions(settings: Settings, state: WindowState, *, now: datetime, requested_by: str) -> str:
    """Open or close the window if the exchange's sessions ask for it at `now`; says what was done."""
    calendar = ExchangeTradingCalendar((now - _AROUND).date().isoformat(), (now + _AROUND).date().isoformat())
    with open_ledger_by_url(settings.ledger_url) as ledger:
        return follow_sessions(ledger, calendar, state, now=now, requested_by=requested_by)


def record_window_change(settings: Settings, change: WindowChange) -> None:
    """Open or close the window as a person asks.

    Nothing but the ledger is opened: the window is to be closed also while lake or features are away.
    """
    with open_ledger_by_url(settings.ledger_url) as ledger:
        ledger.record_window_change(change)


def list_window_changes(settings: Settings) -> tuple[WindowChange, ...]:
    """All changes, oldest first."""
    with open_ledger_by_url(settings.ledger_url) as ledger:
        return ledger.list_window_changes()
