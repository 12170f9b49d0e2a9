"""Which session of which book is settled, and with what."""

from dataclasses import dataclass
from datetime import date, datetime

from tradeops.domain.identifiers import BookId
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.broker import Broker
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementCase:
    """The ports, the book and the session of one settlement; the book opens on or after `opens_on`."""

    ledger: Ledger
    values: ValueStore
    broker: Broker
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy
    book_id: BookId
    opens_on: date
    session: date

    @property
    def known_at(self) -> datetime:
        """When the session's bars are known, aware UTC: where the settlement stands."""
        return bar_known_at(self.calendar, self.policy.time, self.session)
