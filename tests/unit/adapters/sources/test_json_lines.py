"""A folder of raw records is handed on as it is, damage included."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.adapters.sources.json_lines import JsonLinesSource
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.raw_source import open_raw_source
from tradeops.domain.errors import ConfigurationError

CALENDAR = FakeTradingCalendar(business_days(date(2001, 3, 1), 20))
BARS, MACRO = "market.bars.raw", "macro.releases.raw"
END = datetime(2001, 12, 31, tzinfo=UTC)


def line(known: str, **fields: str) -> bytes:
    return json.dumps({"known_time": known, **fields}).encode()


def write(folder: Path, topic: str, *lines: bytes) -> Path:
    (folder / f"{topic}.jsonl").write_bytes(b"".join(each + b"\n" for each in lines))
    return folder


def open_folder(folder: Path) -> JsonLinesSource:
    return JsonLinesSource(folder, CALENDAR)


def test_records_come_by_topic_and_time_with_their_bytes(tmp_path: Path) -> None:
    late = line("2001-03-02T21:15:00Z", instrument="A")
    early = line("2001-03-01T21:15:00Z", instrument="B")
    write(tmp_path, BARS, late, early)
    write(tmp_path, MACRO, late.replace(b"instrument", b"series"))
    found = list(open_folder(tmp_path).read(after=None, until=END))

    assert [(r.topic, r.key, r.value) for r in found[1:]] == [(BARS, "B", early), (BARS, "A", late)]
    assert (found[0].topic, found[0].key) == (MACRO, "A")


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"\xff\xfe",
        b"[]",
        b"",
        b"\r",
        b'{"known_time": 5}',
        b'{"known_time": "2001-03-02T21:15:00"}',
        b'{"known_time": "0001-01-01T00:00:00+23:00"}',
        b"[" * 100_000,
    ],
)
def test_unreadable_record_is_known_at_the_start_and_keeps_its_bytes(broken: bytes, tmp_path: Path) -> None:
    good = line("2001-03-02T21:15:00Z", instrument="A")
    source = open_folder(write(tmp_path, BARS, good, broken))
    first, second = source.read(after=None, until=END)

    assert (first.value, first.key) == (broken, "unreadable")
    assert first.known_time == CALENDAR.opens_at(date(2001, 3, 2))
    assert second.value == good


def test_record_that_says_it_was_known_after_the_range_comes_at_its_end(tmp_path: Path) -> None:
    write(tmp_path, BARS, line("2001-03-02T21:15:00Z"), future := line("2099-03-02T21:15:00Z"))
    (tmp_path / "range.json").write_text('{"first_session": "2001-03-02", "last_session": "2001-03-05"}')
    *_, found = open_folder(tmp_path).read(after=None, until=CALENDAR.closes_at(date(2001, 3, 5)))

    assert (found.value, found.known_time) == (future, CALENDAR.closes_at(date(2001, 3, 5)))


def test_range_that_leaves_the_calendar_is_told_with_its_folder_and_remedy(tmp_path: Path) -> None:
    write(tmp_path, BARS, line("2001-03-02T21:15:00Z"), line("2099-03-02T21:15:00Z"))
    with pytest.raises(ConfigurationError, match=rf"{tmp_path}: .*2099-03-02.*declare the range in range.json"):
        JsonLinesSource(tmp_path, ExchangeTradingCalendar())


def test_last_line_needs_no_line_feed(tmp_path: Path) -> None:
    good = line("2001-03-02T21:15:00Z", instrument="A")
    (tmp_path / f"{BARS}.jsonl").write_bytes(good)

    assert [record.value for record in open_folder(tmp_path).read(after=None, until=END)] == [good]


def test_key_that_no_topic_could_hold_is_unreadable(tmp_path: Path) -> None:
    write(
        tmp_path, BARS, line("2001-03-02T21:15:00Z", instrument="A" * 65), line("2001-03-02T21:15:00Z", instrument="")
    )

    assert [record.key for record in open_folder(tmp_path).read(after=None, until=END)] == ["unreadable"] * 2


def test_range_is_that_of_the_records_unless_declared(tmp_path: Path) -> None:
    write(tmp_path, BARS, line("2001-03-05T21:15:00Z"), line("2001-03-02T21:15:00Z"))
    found = open_folder(tmp_path)
    (tmp_path / "range.json").write_text('{"first_session": "2001-03-01", "last_session": "2001-03-09"}')
    declared = open_folder(tmp_path)

    assert (found.first_session, found.last_session) == (date(2001, 3, 2), date(2001, 3, 5))
    assert (declared.first_session, declared.last_session) == (date(2001, 3, 1), date(2001, 3, 9))


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"first_session": "2001-03-01"}', '{"first_session": 1, "last_session": 2}']
)
def test_range_that_cannot_be_read_is_refused(content: str, tmp_path: Path) -> None:
    write(tmp_path, BARS, line("2001-03-05T21:15:00Z"))
    (tmp_path / "range.json").write_text(content)

    with pytest.raises(ConfigurationError, match=r"range\.json: write it as"):
        open_folder(tmp_path)


def test_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"market\.bars\.raw\.jsonl"):
        open_raw_source(f"file://{tmp_path}", calendar=CALENDAR, policy=load_policy())


def test_records_without_any_time_need_a_declared_range(tmp_path: Path) -> None:
    write(tmp_path, BARS, b"{")

    with pytest.raises(ConfigurationError, match=r"declare the range in range\.json"):
        open_folder(tmp_path)


def test_range_without_a_session_is_refused(tmp_path: Path) -> None:
    write(tmp_path, BARS, line("2001-03-03T21:15:00Z"))

    with pytest.raises(ConfigurationError, match="no session lies in"):
        open_folder(tmp_path)
