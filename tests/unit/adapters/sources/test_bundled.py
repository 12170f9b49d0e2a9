"""Everything that ships with the packages is there, once, when it could have been known."""

import json
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bundled_market import load_bundled_market
from tradeops.adapters.sources import bundled_macro, bundled_stocks
from tradeops.adapters.sources.bundled import BundledSource
from tradeops.adapters.sources.package_files import find_package_file
from tradeops.adapters.sources.session_times import SessionTimes
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.raw_source import open_raw_source
from tradeops.domain.errors import ConfigurationError, CorruptInput
from tradeops.domain.event_schemas import decode_event, encode_event, validate_raw
from tradeops.domain.events import Basis, Event
from tradeops.ports.raw_source import RawRecord

END = datetime(2013, 3, 1, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def records(bundled: BundledSource) -> list[RawRecord]:
    return list(bundled.read(after=None, until=END))


@pytest.fixture(scope="module")
def events(records: list[RawRecord], calendar: ExchangeTradingCalendar) -> list[Event]:
    is_session = set(calendar.sessions(date(1999, 1, 4), date(2013, 3, 1))).__contains__
    return [validate_raw(record.topic, record.value, is_session=is_session) for record in records]


def test_whole_range_holds_this_many_records_of_each_kind(bundled: BundledSource, events: list[Event]) -> None:
    assert (bundled.first_session, bundled.last_session) == (date(2000, 3, 1), date(2013, 3, 1))
    assert Counter(event.type for event in events) == {
        "bar": 12_154,
        "corporate_action": 95,
        "index_bar": 7_124,
        "macro_release": 14_717,
    }
    assert Counter(event.key for event in events if event.type == "macro_release") == {
        "wti": 6_848,
        "aaa": 1_129,
        "baa": 1_129,
        "mkt_rf": 1_039,
        "smb": 1_039,
        "hml": 1_039,
        "rf": 1_039,
        "unemployment": 782,
        "core_cpi": 673,
    }


def test_every_record_is_valid_as_itself_and_no_two_are_one(records: list[RawRecord], events: list[Event]) -> None:
    assert len({event.event_id for event in events}) == len(events)
    assert [event.known_time for event in events] == [record.known_time for record in records]
    assert [event.key for event in events] == [record.key for record in records]
    assert all(event.basis is Basis.ASSUMED and event.event_time <= event.known_time for event in events)
    assert [decode_event(encode_event(event)) for event in events[::97]] == events[::97]


def test_records_come_by_topic_and_then_by_the_time_they_were_known(records: list[RawRecord]) -> None:
    places = [(record.topic, record.known_time) for record in records]

    assert places == sorted(places)


def test_windows_side_by_side_hold_every_record_once(bundled: BundledSource, records: list[RawRecord]) -> None:
    cut = records[20_000].known_time
    early, late = bundled.read(after=None, until=cut), bundled.read(after=cut, until=END)

    key = lambda record: (record.topic, record.known_time)  # noqa: E731
    assert sorted([*early, *late], key=key) == sorted(records, key=key)
    assert all(record.known_time > cut for record in bundled.read(after=cut, until=END))


def test_bars_and_actions_are_those_of_the_file_read_otherwise(
    events: list[Event], calendar: ExchangeTradingCalendar
) -> None:
    delay = timedelta(minutes=load_policy().time.vendor_delay_minutes)
    other = load_bundled_market(calendar)
    bars: list[Any] = [event for event in events if event.type == "bar"]
    actions: list[Any] = [event for event in events if event.type == "corporate_action"]

    for event in bars[::50]:
        session = event.payload.session
        assert other.bar(event.payload.instrument, session, known_at=END) == event.payload
        assert (event.event_time, event.known_time) == (
            calendar.closes_at(session),
            calendar.closes_at(session) + delay,
        )
    for event in actions:
        assert event.payload in other.actions(event.payload.session, known_at=END)
        assert event.event_time == event.known_time == calendar.opens_at(event.payload.session)
    assert sum(event.payload.ratio != 1 for event in actions) == 3


def test_addresses_name_file_and_row(events: list[Event]) -> None:
    first = next(event for event in events if event.type == "bar" and event.key == "AAPL")
    rf = next(event for event in events if event.key == "rf")

    assert (first.source, first.sequence) == ("bokeh_sampledata", "stocks.csv.gz:1")
    assert (rf.source, rf.sequence) == ("arch", "frenchdata.csv.gz:1:RF")


@pytest.mark.parametrize(
    ("series", "period", "value", "true_at"),
    [
        ("core_cpi", date(1957, 1, 1), "28.5", date(1957, 2, 1)),
        ("wti", date(1986, 1, 2), "25.56", date(1986, 1, 3)),
        ("aaa", date(1919, 1, 1), "5.35", date(1919, 2, 1)),
        ("baa", date(1919, 1, 1), "7.12", date(1919, 2, 1)),
        ("hml", date(1926, 7, 1), "-2.87", date(1926, 8, 1)),
        ("unemployment", date(1948, 12, 1), "3.6", date(1949, 1, 1)),
    ],
)
def test_macro_values_are_those_of_the_files(
    series: str, period: date, value: str, true_at: date, events: list[Event]
) -> None:
    found: list[Any] = [event for event in events if event.key == series]
    (event,) = (event for event in found if event.payload.period == period)

    assert event.payload.value == Decimal(value)
    assert event.event_time == datetime.combine(true_at, time(), UTC)


def test_days_without_a_price_are_left_out(events: list[Event]) -> None:
    found: list[Any] = [event for event in events if event.key == "wti"]
    periods = {event.payload.period for event in found}

    assert date(2001, 1, 15) not in periods  # "." in the file: Martin Luther King Day
    assert date(2001, 1, 16) in periods


def test_nothing_is_known_before_its_lag_has_passed(bundled: BundledSource) -> None:
    morning = datetime(2001, 2, 15, 13, 29, tzinfo=UTC)
    known = [json.loads(r.value) for r in bundled.read(after=None, until=morning) if r.key == "core_cpi"]

    assert max(record["period"] for record in known) == "2000-12-01"


def test_mutant_lag_of_nothing_is_found(
    events: list[Event], calendar: ExchangeTradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [
        bundled_macro._File(
            **{
                **{f: getattr(file, f) for f in file.__slots__},
                "published": lambda _lags, day: datetime.combine(day, time(), UTC),
            }
        )
        for file in bundled_macro._FILES
    ]
    monkeypatch.setattr(bundled_macro, "_FILES", at_once)
    leaking = list(bundled_macro.list_macro_records(calendar, date(2013, 3, 1)))

    assert len(leaking) > sum(event.type == "macro_release" for event in events)


def test_rows_out_of_order_are_refused(calendar: ExchangeTradingCalendar, tmp_path: Path) -> None:
    head = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n"
    row = "A,2001-03-0{},1,1,1,1,1,1\n"
    path = tmp_path / "stocks.csv"
    path.write_text(head + row.format(2) + row.format(1))

    with pytest.raises(CorruptInput, match="out of order"):
        list(bundled_stocks.list_stock_records(SessionTimes(calendar=calendar, policy=load_policy().time), path))


@pytest.mark.parametrize(("package", "path"), [("no_such_package", "a"), ("arch", "data/none.csv")])
def test_missing_package_or_file_says_what_to_do(package: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"install requirements\.lock"):
        find_package_file(package, path)


@pytest.mark.parametrize("url", ["bundled:other", "polygon:", ""])
def test_url_that_no_connector_serves_is_refused(url: str, calendar: ExchangeTradingCalendar) -> None:
    with pytest.raises(ConfigurationError, match="TRADEOPS_SOURCE_URL"):
        open_raw_source(url, calendar=calendar, policy=load_policy())
