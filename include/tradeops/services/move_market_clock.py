"""Closes sessions of the market: what is loaded may be decided on."""

from datetime import date

from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import ConfigurationError, SourceExhausted
from tradeops.ports.ledger import MarketClock
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar

MOST_SESSIONS = 20


def load_history(
    *,
    ledger: MarketClock,
    source: MarketSource,
    calendar: TradingCalendar,
    until: date,
    requested_by: str,
) -> ClockMove:
    """Move the clock forward to the last session not after `until`; never back.

    Raises:
        SourceExhausted: The source ends before `until`.
    """
    if until > source.last_session:
        raise SourceExhausted(
            f"the source ends on {source.last_session}; ask for a date up to then", until=until
        )
    before = ledger.market_clock()
    closed = _sessions_after(before, until, source, calendar)
    if before is not None and not closed:
        return ClockMove(before=before, after=before, sessions=0, requested_by=requested_by)
    return _move(ledger, before, closed, requested_by)


def ingest_sessions(
    *,
    ledger: MarketClock,
    source: MarketSource,
    calendar: TradingCalendar,
    sessions: int,
    requested_by: str,
) -> ClockMove:
    """Move the clock by up to `sessions`; the same request again moves nothing.

    Raises:
        ConfigurationError: `sessions` is not in 1..20.
        SourceExhausted: No session is left.
    """
    if not 1 <= sessions <= MOST_SESSIONS:
        raise ConfigurationError(f"sessions must be 1 to {MOST_SESSIONS}, not {sessions}")
    done = ledger.find_clock_move(requested_by)
    if done is not None:
        return done
    before = ledger.market_clock()
    closed = _sessions_after(before, source.last_session, source, calendar)[:sessions]
    if not closed:
        raise SourceExhausted(f"the source holds no session after {before}", before=before)
    return _move(ledger, before, closed, requested_by)


def _sessions_after(
    before: date | None, until: date, source: MarketSource, calendar: TradingCalendar
) -> tuple[date, ...]:
    sessions = calendar.sessions(before or source.first_session, until)
    return tuple(session for session in sessions if before is None or session > before)


def _move(
    ledger: MarketClock, before: date | None, closed: tuple[date, ...], requested_by: str
) -> ClockMove:
    move = ClockMove(
        before=before, after=closed[-1], sessions=len(closed), requested_by=requested_by
    )
    ledger.record_clock_move(move)
    return move
