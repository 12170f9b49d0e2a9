"""Daily bars of five stocks that ship with the package `bokeh_sampledata`, point in time."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tradeops.domain.errors import ConfigurationError, CorruptInput, DataError, NotKnownYet, SourceExhausted
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import VIEW_COLUMNS, Bar, CorporateAction, FloatArray
from tradeops.features.adjusted_closes import derive_actions
from tradeops.ports.market_source import MarketWindow
from tradeops.ports.trading_calendar import TradingCalendar

FIRST_SESSION = date(2000, 3, 1)
LAST_SESSION = date(2013, 3, 1)


@dataclass(slots=True)
class _History:
    """One name's bars and actions, oldest first."""

    bars: dict[date, Bar] = field(default_factory=dict)
    adjusted: list[Decimal] = field(default_factory=list)
    actions: dict[date, CorporateAction] = field(default_factory=dict)


class BundledMarketSource:
    """Bars in raw prices from 2000-03-01 to 2013-03-01; splits and dividends derived from the file.

    Everything is read once; nothing changes afterwards, so threads and forked processes may share
    an object. It holds no connection.

    Args:
        calendar: When sessions open and close.
        vendor_delay: From a session's close until its bar is known.
        path: The file; that of the installed package when left out.
    """

    def __init__(self, calendar: TradingCalendar, vendor_delay: timedelta, path: Path | None = None) -> None:
        self._histories = _read_histories(path or find_bundled_file())
        self._names = tuple(sorted(self._histories))
        self._sessions = calendar.sessions(FIRST_SESSION, LAST_SESSION)
        self._rows = {session: row for row, session in enumerate(self._sessions)}
        self._opens_at = {session: calendar.opens_at(session) for session in self._sessions}
        self._bars_known_at = {s: calendar.closes_at(s) + vendor_delay for s in self._sessions}
        self._columns = _build_columns(self._histories, self._names, self._sessions)
        self._counts = np.cumsum(~np.isnan(self._columns["close"]), axis=0)

    @property
    def first_session(self) -> date:
        """First session of the declared range."""
        return FIRST_SESSION

    @property
    def last_session(self) -> date:
        """Last session of the declared range."""
        return LAST_SESSION

    @property
    def instruments(self) -> tuple[InstrumentId, ...]:
        """All names, ascending."""
        return self._names

    def bar(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> Bar | None:
        """The bar, or None if the name did not trade in that session."""
        self._check_known(self._bars_known_at, session, known_at)
        return self._history(instrument).bars.get(session)

    def actions(self, session: date, *, known_at: datetime) -> tuple[CorporateAction, ...]:
        """Splits and dividends with that ex-date, ascending by instrument."""
        self._check_known(self._opens_at, session, known_at)
        found = (self._histories[name].actions.get(session) for name in self._names)
        return tuple(action for action in found if action is not None)

    def ended_on(self, instrument: InstrumentId, *, known_at: datetime) -> date | None:
        """Session of the name's final bar, once a session without it is known."""
        final = max(self._history(instrument).bars)
        if final >= LAST_SESSION:
            return None
        missing = self._sessions[self._rows[final] + 1]
        return final if known_at >= self._bars_known_at[missing] else None

    def count_bars(self, instrument: InstrumentId, session: date, *, known_at: datetime) -> int:
        """How many bars the name has up to and including the session."""
        self._check_known(self._bars_known_at, session, known_at)
        self._history(instrument)
        return int(self._counts[self._rows[session], self._names.index(instrument)])

    def read_window(
        self, names: tuple[InstrumentId, ...], session: date, rows: int, *, known_at: datetime
    ) -> MarketWindow:
        """The last `rows` sessions up to `session` for names that traded in all of them."""
        self._check_known(self._bars_known_at, session, known_at)
        end = self._rows[session] + 1
        items = [self._names.index(name) for name in names if self._history(name)]
        window = {key: column[max(end - rows, 0) : end, items] for key, column in self._columns.items()}
        if rows > end or np.isnan(window["close"]).any():
            raise DataError(f"not all of {', '.join(names)} traded in the {rows} sessions to {session}")
        closes = {name: self._histories[name].bars[session].close for name in names}
        return MarketWindow(sessions=self._sessions[end - rows : end], columns=window, reference_prices=closes)

    def _history(self, instrument: InstrumentId) -> _History:
        try:
            return self._histories[instrument]
        except KeyError as error:
            raise DataError(f"the bundled data hold no {instrument}", instrument=instrument) from error

    def _check_known(self, times: Mapping[date, datetime], session: date, known_at: datetime) -> None:
        if session > LAST_SESSION:
            raise SourceExhausted(f"the bundled data end on {LAST_SESSION}, before {session}")
        if session not in times:
            raise DataError(f"{session} is no session of the bundled data", session=session)
        if times[session] > known_at:
            raise NotKnownYet(
                f"{session} is known at {times[session].isoformat()}, not at {known_at.isoformat()}",
                at=known_at,
                session=session,
            )


def find_bundled_file() -> Path:
    """Path of the stocks file in the installed package, without importing the package.

    Raises:
        ConfigurationError: The package is not installed.
    """
    spec = find_spec("bokeh_sampledata")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("bokeh_sampledata is not installed; install requirements.lock")
    return Path(spec.submodule_search_locations[0]) / "_data" / "stocks.csv.gz"


def _read_histories(path: Path) -> dict[InstrumentId, _History]:
    histories: defaultdict[InstrumentId, _History] = defaultdict(_History)
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            bar = _parse_bar(row)
            history = histories[bar.instrument]
            if history.bars and bar.session <= next(reversed(history.bars)):
                raise CorruptInput(f"{path.name}: {bar.instrument} {bar.session} is out of order")
            history.bars[bar.session] = bar
            history.adjusted.append(Decimal(row["Adj Close"]))
    for name, history in histories.items():
        closes = [bar.close for bar in history.bars.values()]
        actions = derive_actions(name, tuple(history.bars), closes, history.adjusted)
        history.actions = {action.session: action for action in actions}
    return dict(histories)


def _parse_bar(row: Mapping[str, str]) -> Bar:
    return Bar(
        instrument=InstrumentId(row["Ticker"]),
        session=date.fromisoformat(row["Date"]),
        open=Decimal(row["Open"]),
        high=Decimal(row["High"]),
        low=Decimal(row["Low"]),
        close=Decimal(row["Close"]),
        volume=int(row["Volume"]),
    )


def _build_columns(
    histories: Mapping[InstrumentId, _History],
    names: Iterable[InstrumentId],
    sessions: tuple[date, ...],
) -> dict[str, FloatArray]:
    """Float columns of shape (all sessions, all names); NaN closes where a name did not trade."""
    rows = [[_row(histories[name], session) for name in names] for session in sessions]
    table = np.array(rows, dtype=np.float64)
    return {key: np.ascontiguousarray(table[:, :, item]) for item, key in enumerate(VIEW_COLUMNS)}


def _row(history: _History, session: date) -> tuple[float, float, float, float]:
    bar, action = history.bars.get(session), history.actions.get(session)
    if bar is None:
        return np.nan, 0.0, 1.0, 0.0
    ratio, dividend = (action.ratio, action.dividend) if action else (1, 0)
    return float(bar.close), float(bar.volume), float(ratio), float(dividend)
