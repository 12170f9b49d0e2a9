"""A folder with one file of raw records a topic: a record a line, its bytes as they are."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tradeops.adapters.sources.sorted_records import SortedRecords
from tradeops.domain.errors import ConfigurationError, DataError
from tradeops.domain.topics import RAW_TO_VALIDATED
from tradeops.ports.raw_source import RawRecord
from tradeops.ports.trading_calendar import TradingCalendar

RANGE_FILE = "range.json"
NO_KEY = "unreadable"
LONGEST_KEY = 64

_KEYS = ("instrument", "index", "series")


class JsonLinesSource:
    """Raw records of `<raw topic>.jsonl`, whatever state they are in.

    Nothing is judged here: a line that cannot be read is known at the open of the first session, and
    its key is `unreadable`; one that says it was known after the range comes at the close of the last
    session, so that none is left in the folder. The declared range is that of `range.json`, as
    `{"first_session": "2000-03-01", "last_session": "2013-03-01"}`, else from the first to the last
    session that a readable record is known in. Read when the object is made; it holds nothing open.

    Args:
        folder: Where the files are.
        calendar: Sessions of the exchange.

    Raises:
        ConfigurationError: The folder holds no records, or a range that cannot be read.
    """

    def __init__(self, folder: Path, calendar: TradingCalendar) -> None:
        lines = [(topic, line) for topic in RAW_TO_VALIDATED for line in _read_lines(folder / f"{topic}.jsonl")]
        if not lines:
            names = ", ".join(f"{topic}.jsonl" for topic in RAW_TO_VALIDATED)
            raise ConfigurationError(f"{folder} holds no raw records; write at least one of {names}")
        known = {line: _read_known_time(line) for _, line in lines}
        self._first, self._last = _read_range(folder / RANGE_FILE) or _find_range(folder, list(known.values()))
        sessions = _list_sessions(folder, calendar, self._first, self._last)
        start, end = calendar.opens_at(sessions[0]), calendar.closes_at(sessions[-1])

        def find_time(line: bytes) -> datetime:
            time = known[line] or start
            return end if time.date() > self._last else time

        self._records = SortedRecords(
            RawRecord(topic=topic, key=_read_key(line), value=line, known_time=find_time(line)) for topic, line in lines
        )

    @property
    def first_session(self) -> date:
        """First session of the declared range."""
        return self._first

    @property
    def last_session(self) -> date:
        """Last session of the declared range."""
        return self._last

    def read(self, *, after: datetime | None, until: datetime) -> Iterator[RawRecord]:
        """Records with `after < known_time ≤ until`, by topic and within it by `known_time`."""
        return self._records.read(after=after, until=until)


def _read_lines(path: Path) -> list[bytes]:
    """Lines without their ends: only a line feed ends one, and an empty line is a record too."""
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _read_known_time(line: bytes) -> datetime | None:
    found = _find(line).get("known_time")
    try:
        known = datetime.fromisoformat(str(found))
        return known.astimezone(UTC) if known.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _read_key(line: bytes) -> str:
    found = _find(line)
    named = (found[name] for name in _KEYS if isinstance(found.get(name), str))
    key = str(next(named, NO_KEY))
    return key if key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY else NO_KEY


def _find(line: bytes) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_range(path: Path) -> tuple[date, date] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_bytes())
        first, last = (date.fromisoformat(found[name]) for name in ("first_session", "last_session"))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f'{path}: write it as {{"first_session": "2000-03-01", "last_session": "2013-03-01"}}'
        ) from error
    return first, last


def _list_sessions(folder: Path, calendar: TradingCalendar, first: date, last: date) -> Sequence[date]:
    try:
        sessions = calendar.sessions(first, last)
    except DataError as error:
        raise ConfigurationError(f"{folder}: {error}; declare the range in {RANGE_FILE}") from error
    if not sessions:
        raise ConfigurationError(f"{folder}: no session lies in {first} … {last}")
    return sessions


def _find_range(folder: Path, known: list[datetime | None]) -> tuple[date, date]:
    days = [time.date() for time in known if time is not None]
    if not days:
        raise ConfigurationError(f"{folder}: no record says when it was known; declare the range in {RANGE_FILE}")
    return min(days), max(days)
