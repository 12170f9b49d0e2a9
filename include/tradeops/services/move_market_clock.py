"""Closes sessions of the market: what is loaded may be decided on."""

from dataclasses import dataclass
from datetime import date

from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import ConfigurationError, SourceExhausted
from tradeops.ports.ledger import MarketClock
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar

MOST_SESSIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMover:
    """Moves the market clock forward, never back, and once a request."""

    ledger: MarketClock
    source: MarketSource
    calendar: TradingCalendar

    def load_history(self, until: date, *, requested_by: str) -> ClockMove:
        """Close every session not after `until`.

        Raises:
            SourceExhausted: The source ends before `until`.
        """
        if until > self.source.last_session:
            raise SourceExhausted(f"the source ends on {self.source.last_session}; ask for a date up to then")
        before = self.ledger.market_clock()
        closed = self._list_open(before, until)
        if before is not None and not closed:
            return ClockMove(before=before, after=before, sessions=0, requested_by=requested_by)
        return self._move(before, closed, requested_by)

    def ingest_sessions(self, sessions: int, *, requested_by: str) -> ClockMove:
        """Close up to `sessions` more; the same request again moves nothing.

        Raises:
            ConfigurationError: `sessions` is not in 1..20.
            SourceExhausted: No session is left.
        """
        if not 1 <= sessions <= MOST_SESSIONS:
            raise ConfigurationError(f"sessions must be 1 to {MOST_SESSIONS}, not {sessions}")
        if done := self.ledger.find_clock_move(requested_by):
            return done
        before = self.ledger.market_clock()
        closed = self._list_open(before, self.source.last_session)[:sessions]
        return self._move(before, closed, requested_by)

    def _list_open(self, before: date | None, until: date) -> tuple[date, ...]:
        sessions = self.calendar.sessions(before or self.source.first_session, until)
        return tuple(session for session in sessions if before is None or session > before)

    def _move(self, before: date | None, closed: tuple[date, ...], requested_by: str) -> ClockMove:
        if not closed:
            raise SourceExhausted(f"the source holds no session after {before}", before=before)
        move = ClockMove(before=before, after=closed[-1], sessions=len(closed), requested_by=requested_by)
        self.ledger.record_clock_move(move)
        return move
