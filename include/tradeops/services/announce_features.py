"""Says on the log that features of sessions are there, so that whoever decides may begin."""

from datetime import date, timedelta
from typing import cast

from tradeops.domain.claims import ClockMove
from tradeops.domain.event_schemas.payloads import EXCHANGE
from tradeops.domain.events import Event, SessionFeatures
from tradeops.domain.policy import TimePolicy
from tradeops.domain.topics import FEATURES
from tradeops.ports.event_log import EventLog
from tradeops.ports.ledger import MarketClock
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.decide_sessions import find_decision_time
from tradeops.services.event_messages import make_event_message
from tradeops.services.find_newest_event import find_newest_event
from tradeops.services.load_market_data import MOST_SESSIONS
from tradeops.services.session_events import make_session_event

_DAY = timedelta(days=1)


def announce_features(
    log: EventLog, ledger: MarketClock, calendar: TradingCalendar, time: TimePolicy
) -> tuple[date, ...]:
    """Append a `session_features` event for each session that the newest move of the clock delivered; once each.

    Features up to the clock must be built. Of several moves in between only the newest is announced: the
    sessions before are decided with it, in order. A backfill wakes nobody: history is decided by whoever asks
    for it.

    Returns:
        The sessions announced now, ascending.
    """
    market = ledger.market_sequence()
    if not market:
        return ()
    last = _find_announced(log)
    fresh = tuple(s for s in _list_delivered(ledger.clock_move(market), calendar) if last is None or s > last)
    events = [_make_event(calendar, time, session, market) for session in fresh]
    log.append([make_event_message(FEATURES, event) for event in events])
    return fresh


def _list_delivered(move: ClockMove, calendar: TradingCalendar) -> tuple[date, ...]:
    if not 0 < move.sessions <= MOST_SESSIONS or move.before is None:
        return ()
    return calendar.sessions(move.before + _DAY, move.after)


def _find_announced(log: EventLog) -> date | None:
    newest = find_newest_event(log, FEATURES, EXCHANGE)
    return cast("SessionFeatures", newest.payload).session if newest else None


def _make_event(calendar: TradingCalendar, time: TimePolicy, session: date, market: int) -> Event:
    payload = SessionFeatures(session=session, market=market)
    return make_session_event(FEATURES, calendar, payload, known_time=find_decision_time(session, calendar, time))
