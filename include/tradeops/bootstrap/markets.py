"""The market as the lake holds it: the newest state for settling, earlier ones for whoever repeats a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction
from tradeops.ports.lake import Lake
from tradeops.ports.ledger import MarketClock
from tradeops.ports.market_source import MarketSource, MarketWindow
from tradeops.ports.raw_source import RawSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.load_market_history import load_market_history

MOST_LOADED = 4  # a process that decides for months sees a move a day


@dataclass(slots=True, kw_only=True)
class Markets:
    """Histories by move of the market clock, each loaded once; the newest few are kept.

    Args:
        lake: Where bars and actions were sealed.
        ledger: Which positions each move of the clock had reached.
        declared: The source, for its declared range.
        calendar: Sessions.
        vendor_delay: From a session's close until its bars are due.
    """

    lake: Lake
    ledger: MarketClock
    declared: RawSource
    calendar: TradingCalendar
    vendor_delay: timedelta
    _loaded: dict[int, MarketSource] = field(default_factory=dict)

    def at(self, market: int) -> MarketSource:
        """The market as it stood after a move; 0 before the first one."""
        if market not in self._loaded:
            positions = self.ledger.clock_move(market).positions if market else {}
            while len(self._loaded) >= MOST_LOADED:
                del self._loaded[min(self._loaded)]
            self._loaded[market] = self._load(positions)
        return self._loaded[market]

    def _load(self, positions: Mapping[str, int]) -> MarketSource:
        return load_market_history(
            self.lake,
            self.calendar,
            vendor_delay=self.vendor_delay,
            first_session=self.declared.first_session,
            last_session=self.declared.last_session,
            positions=positions,
        )


@dataclass(slots=True)
class NewestMarket:
    """`MarketSource` of the newest move that was looked for; `look` looks again."""

    markets: Markets
    _market: int | None = None

    def look(self) -> None:
        """Go to the newest move of the market clock."""
        self._market = self.markets.ledger.market_sequence()

    @property
    def _source(self) -> MarketSource:
        if self._market is None:
            self.look()
        return self.markets.at(self._market or 0)

    @property
    def first_session(self) -> date:
        """First session of the declared range."""
        return self.markets.declared.first_session

    @property
    def last_session(self) -> date:
        """Last session of the declared range."""
        return self.markets.declared.last_session

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """All names, ascending."""
        return self._source.instruments

    def bar(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> Bar | None:
        """See the port."""
        return self._source.bar(instrument, session, known_at=known_at)

    def actions(self, session: date, *, known_at: datetime) -> tuple[CorporateAction, ...]:
        """See the port."""
        return self._source.actions(session, known_at=known_at)

    def ended_on(self, instrument: InstrumentId, *, known_at: datetime) -> date | None:
        """See the port."""
        return self._source.ended_on(instrument, known_at=known_at)

    def count_bars(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> int:
        """See the port."""
        return self._source.count_bars(instrument, session, known_at=known_at)

    def read_window(
        self, names: tuple[InstrumentId, ...], session: date, rows: int, *, known_at: datetime
    ) -> MarketWindow:
        """See the port."""
        return self._source.read_window(names, session, rows, known_at=known_at)
