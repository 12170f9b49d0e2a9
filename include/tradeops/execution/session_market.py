"""What a paper broker needs of one session, read as known after its close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from tradeops.domain.books import ZERO
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar
from tradeops.domain.policy import TimePolicy
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar

VOLUME_SESSIONS = 20
ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMarket:
    """What a paper broker needs of one session.

    Args:
        session: The session.
        bars: Of the names that trade in it.
        ratios: New shares for one old, for names split that morning.
        average_volumes: Mean volume of the 20 sessions before, in shares of this session.
    """

    session: date
    bars: Mapping[InstrumentId, Bar]
    ratios: Mapping[InstrumentId, Decimal]
    average_volumes: Mapping[InstrumentId, Decimal]


def read_session_market(
    source: MarketSource,
    calendar: TradingCalendar,
    time: TimePolicy,
    session: date,
    names: Sequence[InstrumentId],
) -> SessionMarket:
    """Bars, splits and average volumes of some names in a session, as known after its close."""
    known_at = bar_known_at(calendar, time, session)
    found = {name: source.bar(name, session, known_at=known_at) for name in names}
    ratios = {action.instrument: action.ratio for action in source.actions(session, known_at=known_at)}
    before = calendar.sessions(session - timedelta(days=2 * VOLUME_SESSIONS), session)[:-1][-VOLUME_SESSIONS:]
    before = tuple(day for day in before if day >= source.first_session)
    return SessionMarket(
        session=session,
        bars={name: bar for name, bar in found.items() if bar is not None},
        ratios=ratios,
        average_volumes={
            name: average_volume(source, name, before, known_at) * ratios.get(name, ONE) for name in names
        },
    )


def average_volume(source: MarketSource, name: InstrumentId, sessions: Sequence[date], known_at: datetime) -> Decimal:
    """Mean volume over the sessions in which the name traded, in shares of the last one; 0 if none."""
    total, traded = ZERO, 0
    for session in sessions:
        split = [a.ratio for a in source.actions(session, known_at=known_at) if a.instrument == name]
        total *= split[0] if split else ONE
        bar = source.bar(name, session, known_at=known_at)
        if bar is not None:
            total, traded = total + bar.volume, traded + 1
    return total / traded if traded else ZERO


def bar_known_at(calendar: TradingCalendar, time: TimePolicy, session: date) -> datetime:
    """When a session's bar is known: its close plus the vendor's delay, aware UTC."""
    return calendar.closes_at(session) + timedelta(minutes=time.vendor_delay_minutes)
