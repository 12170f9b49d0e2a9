"""Kills processes that load the market, at places round the ports, and looks at what is left.

Run as a program: it warms up without opening anything, forks a child for each case, and writes what
it found as JSON: `python -m tests.faults.kill_loaders <folder>`.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

from tests.faults import children
from tests.faults.fail_points import Tripwire
from tests.integration.damaged_bars import KINDS, DamagedBars, damage_bars, write_folder
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.adapters.ledger_sqlalchemy import open_ledger
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.raw_source import open_raw_source
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.domain.topics import BARS_RAW, SESSIONS
from tradeops.ports.event_log import EventLog, NewMessage
from tradeops.ports.raw_source import RawSource
from tradeops.services import announce_sessions, load_market_data, publish_records
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.load_market_data import MarketLoader

FIRST, LAST = date(2012, 12, 10), date(2013, 3, 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)
BACKFILL_UNTIL = date(2013, 2, 27)


def _around(*places: str) -> tuple[str, ...]:
    return tuple(f"{side} {place}" for place in places for side in ("before", "after"))


PLACES = _around(
    "publish 1",
    "publish 2",
    "publish 3",
    "commit ingest 1",
    "commit ingest 2",
    "lake 1",
    "lake 2",
    "commit seal 1",
    "announce 1",
    "clock 1",
)


@dataclass
class Counted:
    """Numbers the calls of each kind."""

    wire: Tripwire
    calls: Counter[str] = field(default_factory=Counter)

    def around(self, kind: str) -> Any:
        self.calls[kind] += 1
        return self.wire.around(f"{kind} {self.calls[kind]}")


@dataclass(frozen=True)
class FailingLog:
    """Appends and commits are places."""

    inner: EventLog
    count: Counted

    def append(self, messages: Sequence[NewMessage]) -> None:
        kind = "announce" if messages and messages[0].topic == SESSIONS.name else "publish"
        with self.count.around(kind):
            self.inner.append(messages)

    @contextmanager
    def open_consumer(self, group: str, topics: Sequence[str]) -> Iterator["FailingConsumer"]:
        with self.inner.open_consumer(group, topics) as consumer:
            yield FailingConsumer(consumer, self.inner, f"commit {group}", self.count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(frozen=True)
class FailingConsumer:
    inner: Any
    log: EventLog
    kind: str
    count: Counted

    def poll(self, limit: int = 100) -> Any:
        return self.inner.poll(min(limit, 100))

    def commit(self, outputs: Sequence[NewMessage] = ()) -> None:
        with self.count.around(self.kind):
            self.inner.commit(outputs)


@dataclass(frozen=True)
class FailingWrites:
    """One method of a port is a place; the others pass."""

    inner: Any
    method: str
    kind: str
    count: Counted

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return partial(self._write, found) if name == self.method else found

    def _write(self, method: Any, *args: Any, **named: Any) -> Any:
        with self.count.around(self.kind):
            return method(*args, **named)


@dataclass(frozen=True)
class Case:
    """What all children share, made before any of them is forked."""

    source: RawSource
    calendar: ExchangeTradingCalendar
    bars: DamagedBars

    def load(self, folder: Path, wire: Tripwire, requested_by: str = "test", sessions: int = 2) -> None:
        """A backfill and, unless `sessions` is 0, that many sessions more; each request once."""
        folder.mkdir(parents=True, exist_ok=True)
        count = Counted(wire)
        with (
            SqliteEventLog(f"sqlite:///{folder}/log.db") as log,
            open_ledger(f"sqlite:///{folder}/ledger.db") as ledger,
        ):
            loader = MarketLoader(
                log=FailingLog(log, count),  # type: ignore[arg-type]
                lake=FailingWrites(DeltaLake(folder / "lake"), "append", "lake", count),  # type: ignore[arg-type]
                ledger=FailingWrites(ledger, "record_clock_move", "clock", count),  # type: ignore[arg-type]
                source=self.source,
                calendar=self.calendar,
                policy=load_policy(),
                at=AT,
            )
            loader.backfill_history(BACKFILL_UNTIL, requested_by=f"{requested_by} history")
            if sessions:
                loader.ingest_sessions(sessions, requested_by=f"{requested_by} sessions")

    def find_faults(self, folder: Path) -> list[str]:
        """What is lost or there twice."""
        return [name for name, (found, wanted) in self.compare(folder).items() if found != wanted]

    def compare(self, folder: Path) -> dict[str, tuple[Any, Any]]:
        """What there is beside what must be there; counters, and lists in their order."""
        with (
            SqliteEventLog(f"sqlite:///{folder}/log.db") as log,
            open_ledger(f"sqlite:///{folder}/ledger.db") as ledger,
        ):
            raw = Counter(_read_values(log, BARS_RAW.name))
            letters = Counter(letter.value for letter in list_dead_letters(log))
            closed: list[Any] = [decode_event(value).payload for value in _read_values(log, SESSIONS.name)]
            ledger.verify_chains()
            clock = ledger.market_clock()
        sealed = Counter(DeltaLake(folder / "lake").read(BARS_TABLE, columns=["sequence"])["sequence"])
        good = Counter(str(json.loads(line)["sequence"]) for line in self.bars.good)
        return {
            "raw records": (raw, Counter(self.bars.lines)),
            "dead letters": (letters, Counter(self.bars.reasons.keys())),
            "rows of the lake": (sealed, good),
            "closed sessions": ([event.session for event in closed], list(self.calendar.sessions(FIRST, LAST))),
            "market clock": ([clock], [LAST]),
        }


def _open_log(folder: Path) -> SqliteEventLog:
    return SqliteEventLog(f"sqlite:///{folder}/log.db")


def _read_values(log: SqliteEventLog, topic: str) -> list[bytes]:
    return [m.value for number in log.end_offsets(topic) for m in log.read(topic, number, 0, 10_000)]


def make_case(folder: Path) -> Case:
    calendar = ExchangeTradingCalendar()
    bars = damage_bars(calendar, seed=4, count=250, damaged=len(KINDS))
    url = write_folder(folder / "source", bars.lines, FIRST, LAST)
    return Case(open_raw_source(url, calendar=calendar, policy=load_policy()), calendar, bars)


def kill_and_go_on(case: Case, folder: Path, place: str, mutate: Callable[[], None]) -> dict[str, Any]:
    mutate()
    folder.mkdir(parents=True)
    killed = children.run(partial(case.load, folder, Tripwire(place)), folder.parent)
    again = children.run(partial(case.load, folder, Tripwire()), folder.parent)
    judged = children.run(partial(case.find_faults, folder), folder.parent)
    return {
        "killed": killed.signal == SIGKILL,
        "error": killed.detail + again.detail + judged.detail,
        "faults": judged.value,
    }


def load_at_once(case: Case, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True)
    once = partial(case.load, folder, Tripwire())
    works = [once, once, partial(once, "other", sessions=0)]
    ended = children.run_in_pool(works, folder / "answers", len(works))
    judged = children.run(partial(_judge_shared, case, folder), folder)
    return {"error": "".join(each.detail for each in (*ended, judged)), "faults": judged.value}


def load_twice(case: Case, folder: Path, mutate: Callable[[], None], patience: float) -> dict[str, Any]:
    """One request by two processes at once; each waits for the other before it publishes anything, so long."""
    mutate()
    folder.mkdir(parents=True)
    arrived = folder.with_name(f"{folder.name}_arrived")
    arrived.mkdir()
    wait = partial(_await_other, arrived, patience)
    works = [partial(case.load, folder, Tripwire("before publish 1", strike=wait))] * 2
    ended = children.run_in_pool(works, folder / "answers", len(works))
    judged = children.run(partial(case.find_faults, folder), folder)
    return {"error": "".join(each.detail for each in (*ended, judged)), "faults": judged.value}


def _await_other(arrived: Path, patience: float) -> None:
    (arrived / str(os.getpid())).touch()
    until = time.monotonic() + patience
    while len(list(arrived.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)


def _judge_shared(case: Case, folder: Path) -> list[str]:
    """Another request reads its range again: good records are on the raw topic twice, and nowhere else."""
    return [fault for fault in case.find_faults(folder) if fault != "raw records"]


# Mutants


def forget_what_was_published() -> None:
    publish_records._list_newest = lambda _log: iter(())


def commit_in_two_steps() -> None:
    def in_two_steps(self: FailingConsumer, outputs: Sequence[NewMessage] = ()) -> None:
        with self.count.around(self.kind):
            self.inner.commit()
            self.count.wire.reach(f"within {self.kind}")
            self.log.append(outputs)

    FailingConsumer.commit = in_two_steps  # type: ignore[method-assign]


def forget_what_was_announced() -> None:
    announce_sessions.find_announced = lambda _log: None


def hold_nothing() -> None:
    SqliteEventLog.hold = lambda *_, **__: nullcontext()  # type: ignore[assignment,method-assign,return-value]


MUTANTS: dict[str, tuple[Callable[[], None], str]] = {
    "forget_what_was_published": (forget_what_was_published, "after publish 2"),
    "commit_in_two_steps": (commit_in_two_steps, "within commit ingest"),
    "forget_what_was_announced": (forget_what_was_announced, "after announce 1"),
}


def main(folder: Path) -> None:
    load_market_data.WINDOW_SESSIONS = 20
    case = make_case(folder)
    asked = {place: (place, lambda: None) for place in PLACES} | {
        mutant: (place, mutate) for mutant, (mutate, place) in MUTANTS.items()
    }
    # Each is a child that mutates itself, opens nothing, and forks children of its own.
    works = [
        partial(kill_and_go_on, case, folder / name.replace(" ", "-") / "state", place, mutate)
        for name, (place, mutate) in asked.items()
    ]
    works.append(partial(load_at_once, case, folder / "at_once"))
    works.append(partial(load_twice, case, folder / "twice", lambda: None, 1.0))  # the hold lets in one
    works.append(partial(load_twice, case, folder / "hold_nothing", hold_nothing, 60.0))
    ended = children.run_in_pool(works, folder / "answers", 2)
    names = (*asked, "at once", "twice", "hold_nothing")
    answers = {name: each.value or {"error": each.detail} for name, each in zip(names, ended, strict=True)}
    (folder / "found.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
