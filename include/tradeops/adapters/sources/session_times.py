"""When a session's bar is true and when it is known."""

from dataclasses import dataclass, field
from datetime import date, datetime

from tradeops.adapters.sources.raw_records import Origin
from tradeops.domain.events import Basis
from tradeops.domain.policy import TimePolicy
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """Times of the exchange's sessions; files hold dates only, so all of them are assumed.

    Args:
        calendar: When sessions open and close.
        policy: The vendor's delay.
    """

    calendar: TradingCalendar
    policy: TimePolicy
    _known: dict[date, tuple[datetime, datetime]] = field(default_factory=dict, repr=False, compare=False)

    def bar_origin(self, source: str, sequence: str, session: date) -> Origin:
        """Origin of a bar: true at the close, known by the vendor's delay later."""
        closed, known = self._times_of(session)
        return Origin(source=source, sequence=sequence, event_time=closed, known_time=known, basis=Basis.ASSUMED)

    def opens_at(self, session: date) -> datetime:
        """Open of a session."""
        return self.calendar.opens_at(session)

    def _times_of(self, session: date) -> tuple[datetime, datetime]:
        if session not in self._known:
            self._known[session] = (
                self.calendar.closes_at(session),
                bar_known_at(self.calendar, self.policy, session),
            )
        return self._known[session]
