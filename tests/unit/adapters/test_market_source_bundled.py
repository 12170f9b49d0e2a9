"""The bundled file as it is: complete, point in time, and with the right splits and dividends."""

import gzip
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tradeops.adapters.market_source_bundled import BundledMarketSource, find_bundled_file
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.errors import CorruptInput, DataError
from tradeops.domain.identifiers import InstrumentId

LATER = datetime(2030, 1, 1, tzinfo=UTC)
DELAY = timedelta(minutes=15)
AAPL, GOOG, MSFT = (InstrumentId(name) for name in ("AAPL", "GOOG", "MSFT"))


@pytest.fixture(scope="module")
def calendar() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@pytest.fixture(scope="module")
def source(calendar: ExchangeTradingCalendar) -> BundledMarketSource:
    return BundledMarketSource(calendar, DELAY)


def test_its_sessions_are_those_of_the_exchange(source: BundledMarketSource, calendar: ExchangeTradingCalendar) -> None:
    sessions = calendar.sessions(source.first_session, source.last_session)
    assert len(sessions) == 3270
    assert source.instruments == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    counts = [source.count_bars(name, date(2013, 3, 1), known_at=LATER) for name in source.instruments]
    assert counts == [3270, 196, 2148, 3270, 3270]


def test_it_has_three_splits_and_ninety_two_dividends(
    source: BundledMarketSource, calendar: ExchangeTradingCalendar
) -> None:
    sessions = calendar.sessions(source.first_session, source.last_session)
    actions = [action for session in sessions for action in source.actions(session, known_at=LATER)]
    splits = [(a.instrument, a.session.isoformat(), a.ratio) for a in actions if a.ratio != 1]
    assert splits == [("AAPL", "2000-06-21", 2), ("MSFT", "2003-02-18", 2), ("AAPL", "2005-02-28", 2)]
    dividends = [a for a in actions if a.dividend]
    assert len(dividends) == 92 and all(a.dividend == a.dividend.quantize(Decimal("0.01")) for a in dividends)
    special = next(a for a in dividends if a.session == date(2004, 11, 15))
    assert (special.instrument, special.dividend) == ("MSFT", Decimal("3.08"))


def test_prices_are_the_text_of_the_file(source: BundledMarketSource) -> None:
    bar = source.bar(GOOG, date(2004, 8, 19), known_at=LATER)
    assert bar is not None and (str(bar.close), bar.volume) == ("100.335", 44659000)
    first = source.bar(AAPL, date(2000, 3, 1), known_at=LATER)
    assert first is not None and first.close == Decimal("130.31")  # raw, not the adjusted 4.19


def test_a_window_takes_less_than_a_millisecond(source: BundledMarketSource) -> None:
    names = tuple(name for name in source.instruments if name not in ("FB",))
    started = time.perf_counter()
    for _ in range(100):
        source.read_window(names, date(2012, 9, 4), 126, known_at=LATER)
    assert (time.perf_counter() - started) / 100 < 1e-3


def test_the_package_itself_is_not_imported() -> None:
    code = (
        "import sys; from tradeops.adapters.market_source_bundled import find_bundled_file as f; "
        "assert f().exists(); sys.exit('bokeh_sampledata' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def write_file(path: Path, rows: list[str]) -> Path:
    with gzip.open(path, "wt") as file:
        file.write("\n".join(["Ticker,Date,Open,High,Low,Close,Volume,Adj Close", *rows]))
    return path


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (["X,2000-03-01,2,1,1,1,5,1"], DataError),
        (["X,2000-03-02,1,1,1,1,5,1", "X,2000-03-01,1,1,1,1,5,1"], CorruptInput),
        (["X,2000-03-01,1,1,1,1,5,1", "X,2000-03-01,1,1,1,1,5,1"], CorruptInput),
    ],
    ids=["open above high", "out of order", "twice"],
)
def test_a_row_that_contradicts_itself_is_refused(
    calendar: ExchangeTradingCalendar, tmp_path: Path, rows: list[str], error: type[DataError]
) -> None:
    with pytest.raises(error):
        BundledMarketSource(calendar, DELAY, write_file(tmp_path / "stocks.csv.gz", rows))


def test_a_truncated_file_gives_the_same_past(
    source: BundledMarketSource, calendar: ExchangeTradingCalendar, tmp_path: Path
) -> None:
    """Nothing that is known on a day depends on rows after it."""
    with gzip.open(find_bundled_file(), "rt") as file:
        rows = [line.strip() for line in file][1:]
    kept = [row for row in rows if row.split(",")[1] <= "2005-03-01"]
    short = BundledMarketSource(calendar, DELAY, write_file(tmp_path / "stocks.csv.gz", kept))
    for session in calendar.sessions(date(2004, 11, 1), date(2005, 3, 1)):
        known_at = calendar.closes_at(session) + DELAY
        assert short.actions(session, known_at=known_at) == source.actions(session, known_at=known_at)
        assert short.bar(AAPL, session, known_at=known_at) == source.bar(AAPL, session, known_at=known_at)


def test_a_name_whose_rows_end_early_has_ended_once_a_session_without_it_is_known(
    calendar: ExchangeTradingCalendar, tmp_path: Path
) -> None:
    rows = ["X,2000-03-01,1,1,1,1,5,1", "X,2000-03-02,1,1,1,1,5,1"]
    short = BundledMarketSource(calendar, DELAY, write_file(tmp_path / "stocks.csv.gz", rows))
    known = calendar.closes_at(date(2000, 3, 3)) + DELAY
    assert short.ended_on(InstrumentId("X"), known_at=known) == date(2000, 3, 2)
    assert short.ended_on(InstrumentId("X"), known_at=known - timedelta(microseconds=1)) is None
