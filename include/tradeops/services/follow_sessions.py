"""Opens and closes the trading window as the exchange's sessions ask for."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tradeops.domain.errors import IllegalTransition
from tradeops.domain.trading_window import SCHEDULE, WindowChange, WindowState
from tradeops.ports.ledger import TradingWindow
from tradeops.ports.trading_calendar import TradingCalendar

EXCHANGE_ZONE: Final = ZoneInfo("America/New_York")


def follow_sessions(
    ledger: TradingWindow, calendar: TradingCalendar, state: WindowState, *, now: datetime, requested_by: str
) -> str:
    """Open the window after today's session, or close it before, once a request.

    A session is decided after its close, and its orders are for the next open: the window is open from a
    close until shortly before the next open, over days without a session too.

    Args:
        ledger: Where the window is on record.
        calendar: Sessions around `now`.
        state: What is asked for.
        now: The wall clock, aware.
        requested_by: The request; the same one again changes nothing.

    Returns:
        What was done, or why nothing was, in words.
    """
    today = now.astimezone(EXCHANGE_ZONE).date()
    if not calendar.sessions(today, today):
        return f"no session on {today}: the window stays as it is"
    opens = state is WindowState.OPEN
    if opens is not (now >= calendar.closes_at(today)):
        return f"the session of {today} has {'not closed yet' if opens else 'closed'}: the window stays as it is"
    reason = f"the session of {today} has closed" if opens else f"the session of {today} opens"
    change = WindowChange(requested_by=requested_by, state=state, person=SCHEDULE, reason=reason, at=now)
    try:
        ledger.record_window_change(change)
    except IllegalTransition as refused:
        return refused.message
    return str(change)
