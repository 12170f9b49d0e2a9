"""The bundled file as it is: complete, point in time, and with the right splits and dividends."""

import gzip
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.fakes.bundled_market import VENDOR_DELAY, find_bundled_file, lay_out, load_bundled_market
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar
from tradeops.features.market_columns import MarketColumns
from tradeops.features.market_history import MarketHistory
from tradeops.features.versions import Cell, Version, Versions

LATER = datetime(2030, 1, 1, tzinfo=UTC)
AAPL, GOOG, MSFT = (InstrumentId(name) for name in ("AAPL", "GOOG", "MSFT"))


@pytest.fixture(scope="module")
def calendar() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@pytest.fixture(scope="module")
def source() -> MarketHistory:
    return load_bundled_market()


def test_its_sessions_are_those_of_the_exchange(source: MarketHistory, calendar: ExchangeTradingCalendar) -> None:
    sessions = calendar.sessions(source.first_session, source.last_session)
    assert len(sessions) == 3270
    assert source.instruments == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    counts = [source.count_bars(name, date(2013, 3, 1), known_at=LATER) for name in source.instruments]
    assert counts == [3270, 196, 2148, 3270, 3270]


def test_it_has_three_splits_and_ninety_two_dividends(source: MarketHistory, calendar: ExchangeTradingCalendar) -> None:
    sessions = calendar.sessions(source.first_session, source.last_session)
    actions = [action for session in sessions for action in source.actions(session, known_at=LATER)]
    splits = [(a.instrument, a.session.isoformat(), a.ratio) for a in actions if a.ratio != 1]
    assert splits == [("AAPL", "2000-06-21", 2), ("MSFT", "2003-02-18", 2), ("AAPL", "2005-02-28", 2)]
    dividends = [a for a in actions if a.dividend]
    assert len(dividends) == 92 and all(a.dividend == a.dividend.quantize(Decimal("0.01")) for a in dividends)
    special = next(a for a in dividends if a.session == date(2004, 11, 15))
    assert (special.instrument, special.dividend) == ("MSFT", Decimal("3.08"))


def test_prices_are_the_text_of_the_file(source: MarketHistory) -> None:
    bar = source.bar(GOOG, date(2004, 8, 19), known_at=LATER)
    assert bar is not None and (str(bar.close), bar.volume) == ("100.335", 44659000)
    first = source.bar(AAPL, date(2000, 3, 1), known_at=LATER)
    assert first is not None and first.close == Decimal("130.31")  # raw, not the adjusted 4.19


def check_window_is_read_in_one_piece(source: MarketHistory, session: date, rows: int) -> None:
    """Only the bars of its last session are looked up one by one."""
    looked_up: list[Cell] = []
    names = tuple(name for name in source.instruments if name != "FB")

    def look_up(self: Versions[Bar], cell: Cell) -> Sequence[Version[Bar]]:
        looked_up.append(cell)
        return self._cells.get(cell, ())

    with patch.object(Versions, "of", look_up):
        source.read_window(names, session, rows, known_at=LATER)
    assert looked_up == [(name, session) for name in names]


def test_a_window_is_read_in_one_piece(source: MarketHistory) -> None:
    check_window_is_read_in_one_piece(source, date(2012, 9, 4), 126)


def test_mutant_that_looks_at_every_bar_of_a_window_is_found(
    calendar: ExchangeTradingCalendar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MarketColumns, "_is_settled", lambda *_: False)
    rows = ["X,2000-03-01,1,1,1,1,5,1", "X,2000-03-02,1,1,1,1,5,1"]
    short = lay_out(calendar, write_file(tmp_path / "stocks.csv.gz", rows))
    with pytest.raises(AssertionError):
        check_window_is_read_in_one_piece(short, date(2000, 3, 2), 2)


def write_file(path: Path, rows: list[str]) -> Path:
    with gzip.open(path, "wt") as file:
        file.write("\n".join(["Ticker,Date,Open,High,Low,Close,Volume,Adj Close", *rows]))
    return path


def test_a_truncated_file_gives_the_same_past(
    source: MarketHistory, calendar: ExchangeTradingCalendar, tmp_path: Path
) -> None:
    """Nothing that is known on a day depends on rows after it."""
    with gzip.open(find_bundled_file(), "rt") as file:
        rows = [line.strip() for line in file][1:]
    kept = [row for row in rows if row.split(",")[1] <= "2005-03-01"]
    short = lay_out(calendar, write_file(tmp_path / "stocks.csv.gz", kept))
    for session in calendar.sessions(date(2004, 11, 1), date(2005, 3, 1)):
        known_at = calendar.closes_at(session) + VENDOR_DELAY
        assert short.actions(session, known_at=known_at) == source.actions(session, known_at=known_at)
        assert short.bar(AAPL, session, known_at=known_at) == source.bar(AAPL, session, known_at=known_at)


def test_a_name_whose_rows_end_early_has_ended_once_a_session_without_it_is_known(
    calendar: ExchangeTradingCalendar, tmp_path: Path
) -> None:
    rows = ["X,2000-03-01,1,1,1,1,5,1", "X,2000-03-02,1,1,1,1,5,1", "Y,2000-03-03,1,1,1,1,5,1"]
    short = lay_out(calendar, write_file(tmp_path / "stocks.csv.gz", rows))
    known = calendar.closes_at(date(2000, 3, 3)) + VENDOR_DELAY
    assert short.ended_on(InstrumentId("X"), known_at=known) == date(2000, 3, 2)
    assert short.ended_on(InstrumentId("X"), known_at=known - timedelta(microseconds=1)) is None
