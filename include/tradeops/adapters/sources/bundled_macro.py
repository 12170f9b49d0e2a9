"""Economic series in the packages `arch` and `bokeh_sampledata`, with assumed publication lags."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tradeops.adapters.sources.package_files import Row, find_package_file, read_rows
from tradeops.adapters.sources.publication_lags import PublicationLags, next_month
from tradeops.adapters.sources.raw_records import Origin, make_record
from tradeops.adapters.sources.us_dates import parse_us_date
from tradeops.domain.events import Basis
from tradeops.domain.topics import MACRO_RAW
from tradeops.ports.raw_source import RawRecord
from tradeops.ports.trading_calendar import TradingCalendar

MISSING = "."
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The longest lag is that of core CPI: a month and 15 days.
LONGEST_LAG = timedelta(days=62)

Cells = Iterator[tuple[date, str, str]]  # period, column, value


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """Args: series by column, how a row gives its cells, when a cell was published."""

    package: str
    path: str
    series: dict[str, str]
    read_cells: Callable[[Row], Cells]
    published: Callable[[PublicationLags, date], datetime]
    daily: bool = False


def list_macro_records(calendar: TradingCalendar, last: date) -> Iterator[RawRecord]:
    """Values of nine series, published up to a last session.

    Args:
        calendar: Sessions, for the lags that count business days.
        last: Last day of publication wanted.
    """
    lags = PublicationLags(calendar, last + LONGEST_LAG)
    for file in _FILES:
        yield from _list_file(file, lags, last)


def _list_file(file: _File, lags: PublicationLags, last: date) -> Iterator[RawRecord]:
    for sequence, row in read_rows(find_package_file(file.package, file.path)):
        for period, column, value in file.read_cells(row):
            if value == MISSING or period > last:
                continue
            known = file.published(lags, period)
            if known.date() > last:
                continue
            origin = Origin(
                source=file.package,
                sequence=f"{sequence}:{column}",
                event_time=_end_of(period, daily=file.daily),
                known_time=known,
                basis=Basis.ASSUMED,
            )
            series = file.series[column]
            fields = {"series": series, "period": period.isoformat(), "value": value}
            yield make_record(MACRO_RAW, series, origin, fields)


def _end_of(period: date, *, daily: bool) -> datetime:
    after = period + timedelta(days=1) if daily else next_month(period)
    return datetime.combine(after, time(), UTC)


def _cells_by_date(row: Row) -> Cells:
    period = parse_us_date(row["Date"])
    return ((period, column, value) for column, value in row.items() if column != "Date")


def _cells_by_month_number(row: Row) -> Cells:
    """Months are written as 192607."""
    period = date(int(row["Date"][:4]), int(row["Date"][4:]), 1)
    return ((period, column, value) for column, value in row.items() if column != "Date")


def _cells_by_month_name(row: Row) -> Cells:
    """A row is a year, a column a month; the year's mean is left out."""
    return ((date(int(row["Year"]), number, 1), name, row[name]) for number, name in enumerate(MONTHS, start=1))


_FILES = (
    _File(
        package="arch",
        path="data/wti/wti.csv.gz",
        series={"DCOILWTICO": "wti"},
        read_cells=_cells_by_date,
        published=PublicationLags.five_business_days_after,
        daily=True,
    ),
    _File(
        package="arch",
        path="data/core_cpi/core-cpi.csv.gz",
        series={"CPILFESL": "core_cpi"},
        read_cells=_cells_by_date,
        published=PublicationLags.core_cpi,
    ),
    _File(
        package="arch",
        path="data/default/default.csv.gz",
        series={"AAA": "aaa", "BAA": "baa"},
        read_cells=_cells_by_date,
        published=PublicationLags.fifth_business_day,
    ),
    _File(
        package="arch",
        path="data/frenchdata/frenchdata.csv.gz",
        series={"Mkt-RF": "mkt_rf", "SMB": "smb", "HML": "hml", "RF": "rf"},
        read_cells=_cells_by_month_number,
        published=PublicationLags.fifth_business_day,
    ),
    _File(
        package="bokeh_sampledata",
        path="_data/unemployment1948.csv",
        series=dict.fromkeys(MONTHS, "unemployment"),
        read_cells=_cells_by_month_name,
        published=PublicationLags.unemployment,
    ),
)
