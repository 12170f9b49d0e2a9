"""Daily bars of five stocks in the package `bokeh_sampledata`, and the corporate actions in their adjusted closes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from tradeops.adapters.sources.package_files import Row, find_package_file, read_rows
from tradeops.adapters.sources.raw_records import Origin, make_record
from tradeops.adapters.sources.session_times import SessionTimes
from tradeops.domain.canonical import decimal_text
from tradeops.domain.errors import CorruptInput
from tradeops.domain.events import Basis
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.topics import ACTIONS_RAW, BARS_RAW
from tradeops.features.adjusted_closes import derive_actions
from tradeops.ports.raw_source import RawRecord

PACKAGE, FILE = "bokeh_sampledata", "_data/stocks.csv.gz"
FIRST_SESSION = date(2000, 3, 1)
LAST_SESSION = date(2013, 3, 1)

_FIELDS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}


def list_stock_records(times: SessionTimes, path: Path | None = None) -> Iterator[RawRecord]:
    """Bars of the file, and its splits and dividends.

    A bar is true at its session's close and known by the vendor's delay later; an action is true
    and known at the open of its ex-date.

    Args:
        times: Of the sessions.
        path: The file; that of the installed package when left out.

    Raises:
        CorruptInput: Rows of a name are out of order.
    """
    rows = defaultdict[str, list[tuple[str, Row]]](list)
    for sequence, row in read_rows(path or find_package_file(PACKAGE, FILE)):
        rows[row["Ticker"]].append((sequence, row))
    for name, of_name in rows.items():
        sessions = [date.fromisoformat(row["Date"]) for _, row in of_name]
        if any(later <= earlier for earlier, later in pairwise(sessions)):
            raise CorruptInput(f"{FILE}: rows of {name} are out of order", instrument=name)
        yield from _list_bars(name, sessions, of_name, times)
        yield from _list_actions(name, sessions, of_name, times)


def _list_bars(
    name: str, sessions: Iterable[date], rows: Iterable[tuple[str, Row]], times: SessionTimes
) -> Iterator[RawRecord]:
    for session, (sequence, row) in zip(sessions, rows, strict=True):
        fields = {field: row[column] for field, column in _FIELDS.items()}
        described = {"instrument": name, "session": row["Date"], **fields}
        yield make_record(BARS_RAW, name, times.bar_origin(PACKAGE, sequence, session), described)


def _list_actions(
    name: str, sessions: Sequence[date], rows: Sequence[tuple[str, Row]], times: SessionTimes
) -> Iterator[RawRecord]:
    closes = [Decimal(row["Close"]) for _, row in rows]
    adjusted = [Decimal(row["Adj Close"]) for _, row in rows]
    sequences = dict(zip(sessions, (sequence for sequence, _ in rows), strict=True))
    for action in derive_actions(InstrumentId(name), sessions, closes, adjusted):
        opened = times.opens_at(action.session)
        origin = Origin(
            source=PACKAGE,
            sequence=sequences[action.session],
            event_time=opened,
            known_time=opened,
            basis=Basis.ASSUMED,
        )
        fields = {
            "instrument": name,
            "session": action.session.isoformat(),
            "ratio": decimal_text(action.ratio),
            "dividend": decimal_text(action.dividend),
        }
        yield make_record(ACTIONS_RAW, name, origin, fields)
