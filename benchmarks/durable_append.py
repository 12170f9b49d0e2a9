"""Durable appends to the event log beside a bare loop of the same rows on SQLite, same pragmas and same disk."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pysqlite3

from benchmarks.measuring import Measured, median_ratio, time_calls
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.topics import BARS_RAW, choose_partition
from tradeops.ports.event_log import NewMessage

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
BATCHES = {1: 200, 100: 100, 10_000: 2}
NAMES = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
PRAGMAS = ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
TABLE = (
    "CREATE TABLE log (topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key TEXT NOT NULL,"
    " value BLOB NOT NULL, headers TEXT, PRIMARY KEY (topic, partition, offset))"
)
KEYED_TABLE = "CREATE TABLE keyed (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT)"
SYNCS = "syncs: 1 of the write-ahead log a batch, 2 more a checkpoint (each 1,000 pages)"

Rows = list[tuple[object, ...]]


def make_messages(size: int) -> list[NewMessage]:
    """Raw bars as they are published."""
    bar = {"close": "25.94", "high": "26.50", "low": "25.19", "open": "25.56", "session": "2001-03-01"}
    return [
        NewMessage(
            topic=BARS_RAW.name,
            key=NAMES[number % len(NAMES)],
            value=json.dumps({"instrument": NAMES[number % len(NAMES)], **bar, "volume": number}).encode(),
        )
        for number in range(size)
    ]


def make_rows(messages: list[NewMessage], batches: int) -> tuple[Iterator[Rows], Iterator[Rows]]:
    """The same rows, ready to insert: for the table with a place in columns, and for the one with one integer."""
    ends = [0] * BARS_RAW.partitions
    plain, keyed = [], []
    for _ in range(batches):
        places = [choose_partition(message.key, len(ends)) for message in messages]
        offsets = []
        for place in places:
            offsets.append(ends[place])
            ends[place] += 1
        found = list(zip(places, offsets, messages, strict=True))
        plain.append([(m.topic, place, offset, m.key, m.value, None) for place, offset, m in found])
        keyed.append(sorted(((place << 40) + offset, m.key, m.value, None) for place, offset, m in found))
    return iter(plain), iter(keyed)


class BareTables:
    """What anybody would write who needs no topics, no checks and no consumers."""

    def __init__(self, path: Path) -> None:
        self._connection = pysqlite3.connect(str(path), isolation_level=None)
        for pragma in PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(TABLE)
        self._connection.execute(KEYED_TABLE)

    def insert(self, table: str, rows: Rows) -> None:
        """One transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        marks = ", ".join("?" * len(rows[0]))
        self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own names
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


def time_batches(folder: Path, size: int, count: int) -> dict[str, list[list[float]]]:
    """Seconds a batch by candidate and round; candidates take turns batch by batch."""
    messages = make_messages(size)
    plain, keyed = make_rows(messages, count * (ROUNDS + 1))
    bare = BareTables(folder / f"bare_{size}.db")
    found: dict[str, list[list[float]]] = {"ours": [], "plain": [], "keyed": []}
    with SqliteEventLog(f"sqlite:///{folder}/event_log_{size}.db") as log:
        calls = {
            "ours": lambda: log.append(messages),
            "plain": lambda: bare.insert("log", next(plain)),
            "keyed": lambda: bare.insert("keyed", next(keyed)),
        }
        for number in range(ROUNDS + 1):
            seconds: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(count):
                for name, call in calls.items():
                    seconds[name] += time_calls(call, 1)
            for name in calls if number else ():
                found[name].append(seconds[name])
    bare.close()
    return found


def measure() -> dict[str, Measured]:
    """The ratio of rates for batches of 100; the note has the other sizes and the syncs."""
    folder = Path(tempfile.mkdtemp(prefix=".bench-", dir=ROOT))  # beside the source: `/tmp` may be memory
    try:
        found = {size: time_batches(folder, size, count) for size, count in BATCHES.items()}
    finally:
        shutil.rmtree(folder)
    rates = {
        size: {name: size / median(median(seconds) for seconds in rounds) for name, rounds in each.items()}
        for size, each in found.items()
    }
    lines = [f"{size:,}: {each['ours']:,.0f}/s against {each['plain']:,.0f}/s" for size, each in rates.items()]
    strictest = median_ratio(found[100]["keyed"], found[100]["ours"])
    note = f"by batch: {'; '.join(lines)}; of 100 beside a table without topic and index {strictest:.2f}x; {SYNCS}"
    return {"event_append": Measured(median_ratio(found[100]["plain"], found[100]["ours"]), note)}
