"""Daily bars of two market indices in the package `arch`."""

from collections.abc import Iterator, Mapping
from datetime import date

from tradeops.adapters.sources.package_files import find_package_file, read_rows
from tradeops.adapters.sources.raw_records import make_record
from tradeops.adapters.sources.session_times import SessionTimes
from tradeops.adapters.sources.us_dates import parse_us_date
from tradeops.domain.topics import INDEX_BARS_RAW
from tradeops.ports.raw_source import RawRecord

PACKAGE = "arch"
FILES: Mapping[str, str] = {"SP500": "data/sp500/sp500.csv.gz", "NASDAQ": "data/nasdaq/nasdaq.csv.gz"}

_FIELDS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}


def list_index_records(times: SessionTimes, last: date) -> Iterator[RawRecord]:
    """Bars of both indices, 1999-01-04 on.

    Args:
        times: Of the sessions.
        last: Last session wanted; the files go on after the stocks end.
    """
    for index, path in FILES.items():
        for sequence, row in read_rows(find_package_file(PACKAGE, path)):
            session = parse_us_date(row["Date"])
            if session > last:
                break
            fields = {field: row[column] for field, column in _FIELDS.items()}
            described = {"index": index, "session": session.isoformat(), **fields}
            yield make_record(INDEX_BARS_RAW, index, times.bar_origin(PACKAGE, sequence, session), described)
