"""Lakes that tests fill: rows written down, or the bundled market."""

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from tests.fakes.lake import InMemoryLake
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.lake_tables import ACTIONS_TABLE, BARS_TABLE, INDEX_BARS_TABLE, MACRO_TABLE, LakeTable
from tradeops.features.adjusted_closes import derive_actions
from tradeops.ports.lake import Lake, frame_schema

Cells = Mapping[str, object]


@dataclass
class MarketClockOf:
    """A market clock that moved once or more."""

    moves: list[ClockMove] = field(default_factory=list)

    def move_to(self, after: date, positions: Mapping[str, int] | None = None) -> int:
        self.moves.append(
            ClockMove(before=None, after=after, sessions=1, requested_by="test", positions=positions or {})
        )
        return len(self.moves)

    def market_clock(self) -> date | None:
        return self.moves[-1].after if self.moves else None

    def market_sequence(self) -> int:
        return len(self.moves)

    def clock_move(self, market: int) -> ClockMove:
        if not 0 < market <= len(self.moves):
            raise UnknownRecord(f"no move {market}")
        return self.moves[market - 1]

    def find_clock_move(self, requested_by: str) -> ClockMove | None:
        raise NotImplementedError

    def record_clock_move(self, move: ClockMove) -> None:
        raise NotImplementedError


@dataclass
class LakeFiller:
    """Appends rows with the columns of sealed events; offsets rise from 0 in each table."""

    lake: Lake
    offsets: dict[str, int] = field(default_factory=dict)

    def add(self, table: LakeTable, rows: Iterable[Cells]) -> None:
        start = self.offsets.get(table.name, 0)
        complete = [{**_envelope(offset), **row} for offset, row in enumerate(rows, start)]
        if not complete:
            return
        frame = pl.DataFrame(complete, schema=frame_schema(table))
        assert self.lake.append(table, frame, writer="test", version=start + len(complete))
        self.offsets[table.name] = start + len(complete)


def _envelope(offset: int) -> dict[str, object]:
    return {
        "event_id": f"{offset}",
        "source": "test",
        "sequence": f"{offset}",
        "event_time": datetime(2000, 1, 1, tzinfo=UTC),
        "basis": "assumed",
        "log_partition": 0,
        "log_offset": offset,
    }


def bar_row(name: str, session: date, known: datetime, prices: Sequence[Any], volume: int) -> Cells:
    """Prices are open, high, low and close."""
    columns = dict(zip(("open", "high", "low", "close"), (Decimal(str(p)) for p in prices), strict=True))
    return {"instrument": name, "session": session, **columns, "volume": volume, "known_time": known}


def package_rows(package: str, path: str) -> Iterator[dict[str, str]]:
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    file = Path(spec.submodule_search_locations[0]) / path
    with gzip.open(file, "rt") if path.endswith("gz") else file.open() as lines:
        yield from csv.DictReader(lines)


def fill_with_bundled_market(lake: Lake, calendar: ExchangeTradingCalendar, until: date) -> None:
    """Five stocks with their actions, the S&P 500 and oil, each known at its session's close."""
    filler = LakeFiller(lake)
    names = groupby(package_rows("bokeh_sampledata", "_data/stocks.csv.gz"), itemgetter("Ticker"))
    for name, group in names:
        _fill_stock(filler, calendar, name, [row for row in group if row["Date"] <= until.isoformat()])
    index = [(_us_date(row["Date"]), row) for row in package_rows("arch", "data/sp500/sp500.csv.gz")]
    filler.add(
        INDEX_BARS_TABLE,
        [
            {
                "index": "SP500",
                "session": day,
                **{name: Decimal(row[name.title()]).quantize(Decimal("0.00000001")) for name in _PRICES},
                "volume": int(row["Volume"]),
                "known_time": calendar.closes_at(day) + _DELAY,
            }
            for day, row in index
            if day <= until
        ],
    )
    oil = [(_us_date(row["Date"]), row["DCOILWTICO"]) for row in package_rows("arch", "data/wti/wti.csv.gz")]
    filler.add(
        MACRO_TABLE,
        [
            {"series": "wti", "period": day, "value": Decimal(value), "known_time": _noon(day + timedelta(days=7))}
            for day, value in oil
            if value != "." and day <= until
        ],
    )


def _fill_stock(filler: LakeFiller, calendar: ExchangeTradingCalendar, name: str, rows: list[dict[str, str]]) -> None:
    days = [date.fromisoformat(row["Date"]) for row in rows]
    filler.add(
        BARS_TABLE,
        [
            bar_row(name, day, calendar.closes_at(day) + _DELAY, _inside(row), int(row["Volume"]))
            for day, row in zip(days, rows, strict=True)
        ],
    )
    closes, adjusted = ([Decimal(row[column]) for row in rows] for column in ("Close", "Adj Close"))
    filler.add(
        ACTIONS_TABLE,
        [
            {
                "instrument": action.instrument,
                "session": action.session,
                "ratio": action.ratio,
                "dividend": action.dividend,
                "known_time": calendar.opens_at(action.session),
            }
            for action in derive_actions(InstrumentId(name), days, closes, adjusted)
        ],
    )


_DELAY = timedelta(minutes=15)
_PRICES = ("open", "high", "low", "close")


def _inside(row: Mapping[str, str]) -> list[Decimal]:
    opened, high, low, close = (Decimal(row[name.title()]) for name in _PRICES)
    return [opened, max(opened, high, close), min(opened, low, close), close]


def _us_date(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@cache
def exchange() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@cache
def bundled_lake() -> InMemoryLake:
    """The whole bundled market; not to be written to."""
    lake = InMemoryLake()
    fill_with_bundled_market(lake, exchange(), date(2013, 3, 1))
    return lake
