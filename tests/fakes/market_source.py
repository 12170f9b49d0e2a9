"""A market written down in a test: a few bars, splits and dividends."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from tradeops.domain.errors import DataError, NotKnownYet, SourceExhausted
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction
from tradeops.ports.market_source import MarketWindow
from tradeops.ports.trading_calendar import TradingCalendar


def make_bar(name: str, session: date, opening: str, close: str, volume: int = 1_000_000) -> Bar:
    """A bar whose high and low are just its open and close."""
    prices = (Decimal(opening), Decimal(close))
    return Bar(
        instrument=InstrumentId(name),
        session=session,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[1],
        volume=volume,
    )


class FakeMarketSource:
    """Holds what it is given; the declared range runs over all sessions of the bars.

    A name has ended when a later session of another name has no bar of it.
    """

    def __init__(
        self,
        calendar: TradingCalendar,
        bars: Iterable[Bar],
        actions: Iterable[CorporateAction] = (),
        vendor_delay: timedelta = timedelta(minutes=15),
    ) -> None:
        self._calendar, self._delay = calendar, vendor_delay
        self._bars = {(bar.instrument, bar.session): bar for bar in bars}
        self._actions = {(action.session, action.instrument): action for action in actions}
        sessions = [session for _, session in self._bars]
        self._range = (min(sessions), max(sessions))

    @property
    def first_session(self) -> date:
        return self._range[0]

    @property
    def last_session(self) -> date:
        return self._range[1]

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        return tuple(sorted({name for name, _ in self._bars}))

    def bar(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> Bar | None:
        self._check(instrument, session)
        self._check_known(self._bar_known_at(session), known_at)
        return self._bars.get((instrument, session))

    def actions(self, session: date, *, known_at: datetime) -> tuple[CorporateAction, ...]:
        self._check(None, session)
        self._check_known(self._calendar.opens_at(session), known_at)
        return tuple(action for (day, _), action in sorted(self._actions.items()) if day == session)

    def ended_on(self, instrument: InstrumentId, *, known_at: datetime) -> date | None:
        self._check(instrument, self.last_session)
        final = max(session for name, session in self._bars if name == instrument)
        if final == self.last_session:
            return None
        missing = self._calendar.next_session(final)
        return final if known_at >= self._bar_known_at(missing) else None

    def count_bars(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> int:
        self._check(instrument, session)
        self._check_known(self._bar_known_at(session), known_at)
        return sum(name == instrument and day <= session for name, day in self._bars)

    def read_window(
        self, names: tuple[InstrumentId, ...], session: date, rows: int, *, known_at: datetime
    ) -> MarketWindow:
        self._check_known(self._bar_known_at(session), known_at)
        sessions = self._calendar.sessions(self.first_session, session)[-rows:]
        if len(sessions) < rows or any((n, s) not in self._bars for n in names for s in sessions):
            raise DataError(f"not all of {names} traded in the {rows} sessions to {session}")
        none = CorporateAction(instrument=InstrumentId("none"), session=session)
        cells = [[(self._bars[n, s], self._actions.get((s, n), none)) for n in names] for s in sessions]
        columns = {
            "close": [[float(bar.close) for bar, _ in row] for row in cells],
            "volume": [[float(bar.volume) for bar, _ in row] for row in cells],
            "split": [[float(action.ratio) for _, action in row] for row in cells],
            "dividend": [[float(action.dividend) for _, action in row] for row in cells],
        }
        return MarketWindow(
            sessions=sessions,
            columns={key: np.array(column, dtype=np.float64) for key, column in columns.items()},
            reference_prices={name: self._bars[name, session].close for name in names},
        )

    def _check(self, instrument: InstrumentId | None, session: date) -> None:
        if instrument is not None and instrument not in self.instruments:
            raise DataError(f"the market holds no {instrument}")
        if session > self.last_session:
            raise SourceExhausted(f"the market ends on {self.last_session}")
        if session < self.first_session or not self._calendar.sessions(session, session):
            raise DataError(f"{session} is no session of the market")

    def _bar_known_at(self, session: date) -> datetime:
        return self._calendar.closes_at(session) + self._delay

    @staticmethod
    def _check_known(moment: datetime, known_at: datetime) -> None:
        if moment > known_at:
            raise NotKnownYet(f"known at {moment}, not at {known_at}", at=known_at)
