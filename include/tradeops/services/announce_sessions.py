"""Says on the log that sessions are closed and their bars are loaded."""

from collections.abc import Iterable
from datetime import date
from typing import cast

from tradeops.domain.event_schemas.payloads import EXCHANGE
from tradeops.domain.events import Event, SessionClosed
from tradeops.domain.policy import TimePolicy
from tradeops.domain.topics import SESSIONS
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.event_log import EventLog
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.event_messages import make_event_message
from tradeops.services.find_newest_event import find_newest_event
from tradeops.services.session_events import make_session_event


def announce_sessions(log: EventLog, calendar: TradingCalendar, time: TimePolicy, closed: Iterable[date]) -> None:
    """Append a `session_closed` event for each session after the last one announced; ascending, once each."""
    last = find_announced(log)
    events = (_make_event(calendar, time, session) for session in closed if last is None or session > last)
    log.append([make_event_message(SESSIONS, event) for event in events])


def find_announced(log: EventLog) -> date | None:
    """The last session that the log says is closed."""
    newest = find_newest_event(log, SESSIONS, EXCHANGE)
    return cast("SessionClosed", newest.payload).session if newest else None


def _make_event(calendar: TradingCalendar, time: TimePolicy, session: date) -> Event:
    known_time = bar_known_at(calendar, time, session)
    return make_session_event(SESSIONS, calendar, SessionClosed(session=session), known_time=known_time)
