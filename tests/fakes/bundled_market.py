"""The market of the bundled file, laid out without event log and lake."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction
from tradeops.features.adjusted_closes import derive_actions
from tradeops.features.market_history import MarketHistory
from tradeops.features.versions import Version
from tradeops.ports.trading_calendar import TradingCalendar

FIRST_SESSION = date(2000, 3, 1)
LAST_SESSION = date(2013, 3, 1)
VENDOR_DELAY = timedelta(minutes=15)


def load_bundled_market(calendar: TradingCalendar | None = None) -> MarketHistory:
    """All of it, made once a process; it holds no connection and survives a fork."""
    return _load() if calendar is None else lay_out(calendar, find_bundled_file())


def lay_out(calendar: TradingCalendar, path: Path) -> MarketHistory:
    """The market of any file in the bundled file's form."""
    bars, actions = read_facts(path)
    return MarketHistory(
        calendar,
        vendor_delay=VENDOR_DELAY,
        first_session=FIRST_SESSION,
        last_session=LAST_SESSION,
        bars=[Version(calendar.closes_at(bar.session) + VENDOR_DELAY, bar) for bar in bars],
        actions=[Version(calendar.opens_at(action.session), action) for action in actions],
    )


def read_facts(path: Path) -> tuple[list[Bar], list[CorporateAction]]:
    """Bars as the file has them and actions derived from its adjusted closes."""
    adjusted: defaultdict[InstrumentId, list[Decimal]] = defaultdict(list)
    bars: defaultdict[InstrumentId, list[Bar]] = defaultdict(list)
    for bar, adjusted_close in _read_rows(path):
        bars[bar.instrument].append(bar)
        adjusted[bar.instrument].append(adjusted_close)
    actions = [
        action
        for name, found in bars.items()
        for action in derive_actions(name, [b.session for b in found], [b.close for b in found], adjusted[name])
    ]
    return [bar for found in bars.values() for bar in found], actions


def find_bundled_file() -> Path:
    spec = find_spec("bokeh_sampledata")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "_data" / "stocks.csv.gz"


@cache
def _load() -> MarketHistory:
    return lay_out(ExchangeTradingCalendar(), find_bundled_file())


def _read_rows(path: Path) -> Iterator[tuple[Bar, Decimal]]:
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            bar = Bar(
                instrument=InstrumentId(row["Ticker"]),
                session=date.fromisoformat(row["Date"]),
                open=Decimal(row["Open"]),
                high=Decimal(row["High"]),
                low=Decimal(row["Low"]),
                close=Decimal(row["Close"]),
                volume=int(row["Volume"]),
            )
            yield bar, Decimal(row["Adj Close"])
