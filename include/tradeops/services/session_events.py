"""Events of our own about one session of the exchange."""

from datetime import date, datetime

from tradeops.domain.event_schemas.payloads import EXCHANGE
from tradeops.domain.events import Basis, Event, SessionClosed, SessionFeatures
from tradeops.domain.topics import Topic
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.event_messages import SOURCE


def make_session_event(
    topic: Topic, calendar: TradingCalendar, payload: SessionClosed | SessionFeatures, *, known_time: datetime
) -> Event:
    """The event of a session, named by it: said twice, it is one event."""
    session: date = payload.session
    return Event(
        type=topic.event_type,
        schema_version=topic.schema_version,
        source=SOURCE,
        sequence=session.isoformat(),
        key=EXCHANGE,
        event_time=calendar.closes_at(session),
        known_time=known_time,
        basis=Basis.ASSUMED,
        payload=payload,
    )
