"""Carries events over Kafka into the lake while sealers are killed and the lake is compacted and vacuumed."""

import json
import multiprocessing as mp
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import count, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from tests.contract.event_log_processes import gather, insist, open_log
from tests.fakes.market_source import make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.servers.kafka import make_patient
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.domain.errors import ExternalServiceError, LeaseLost
from tradeops.domain.event_schemas import encode_event
from tradeops.domain.events import Basis, Event
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.domain.topics import BARS, SEALED
from tradeops.ports.event_log import EventConsumer, EventLog, Message, NewMessage
from tradeops.services import seal_lake as sealing
from tradeops.services.read_log import is_read

NAMES = tuple(f"I{number:03d}" for number in range(100))
WHOLE_FILES = 1 << 26
REPEATED = 0.01  # appended twice, as after an outcome that was not known
APPENDED = 1000
START_SECONDS, WORK_SECONDS = 300.0, 0.5
# A sealer that dies at work gets so far: few appends of many, so that the next one has work too, and at any
# moment of an append, which takes some hundredths of a second, or right after it.
MOST_APPENDS, APPEND_SECONDS = 3, 0.1

FORKSERVER = mp.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.faults.kafka_to_lake"])

Sealer = Callable[[str, str, int], None]


@dataclass
class Upkeep:
    """What was done to the lake meanwhile."""

    compactions: int = 0
    deleted: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def run(self, folder: Path) -> None:
        lake, finished = DeltaLake(folder), False
        while not finished:
            finished = self.done.wait(0.3)
            made = lake.compact(BARS_TABLE, target_bytes=WHOLE_FILES)
            self.compactions += made.after < made.before
            self.deleted += lake.vacuum(BARS_TABLE, kept=timedelta(0))


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What became of the events; `repeated` of them were appended to the log twice."""

    events: int
    repeated: int
    kills: int
    lost: int
    doubled: int
    compactions: int
    deleted: int
    seconds: float


def seal_batches(url: str, folder: str, batch: int) -> None:
    """Seal in batches until nothing is left."""
    sealing.MOST_MESSAGES = batch
    with open_log(url) as log:
        while True:
            with suppress(LeaseLost, ExternalServiceError):  # as the process does: again, from what is durable
                if _is_sealed(log):
                    return
                sealing.seal_lake(log, DeltaLake(Path(folder)))


def seal_until_killed(url: str, folder: str, batch: int, *, at_append: int, after: float) -> None:
    """Seal, and die by SIGKILL some time after the n-th append to the lake has begun, at its end at the latest."""
    real, calls = DeltaLake.append, count(1)

    def die() -> None:
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGKILL)

    def append(self: DeltaLake, *arguments: Any, **named: Any) -> bool:
        if next(calls) < at_append:
            return real(self, *arguments, **named)
        threading.Thread(target=die).start()
        real(self, *arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a dead process goes on")

    DeltaLake.append = append  # type: ignore[method-assign]
    seal_batches(url, folder, batch)


def seal_offsets_first(url: str, folder: str, batch: int) -> None:
    """The mutant: offsets are committed, then the rows; it dies between them."""
    with open_log(url) as log, log.open_consumer(sealing.GROUP, [topic.name for topic in SEALED]) as consumer:
        messages = insist(lambda: _poll_and_commit(consumer, batch))
        for _, group in groupby(sorted(messages, key=sealing._partition_of), key=sealing._partition_of):
            sealing._seal_partition(DeltaLake(Path(folder)), tuple(group), None)
        insist(lambda: _poll_and_commit(consumer, batch))
        os.kill(os.getpid(), signal.SIGKILL)


def _poll_and_commit(consumer: EventConsumer, batch: int) -> Sequence[Message]:
    messages = gather(consumer, 1, limit=batch)
    consumer.commit()
    return messages


def carry_events(
    url: str,
    folder: Path,
    *,
    events: int,
    kills: int,
    batch: int,
    seed: int,
    first: Sealer = seal_batches,
    at_work: bool = False,
) -> Carried:
    """Publish, seal with `kills` sealers killed one after the other, the `first` of them another, and count.

    Args:
        url: Of the event log.
        folder: Of the lake.
        events: How many, each another bar.
        kills: How many sealers are killed, each some time after it began to work.
        batch: Messages a sealer takes at once.
        seed: Of the moments.
        first: What the first sealer does.
        at_work: Sealers die in an append to the lake that the seed chooses, so that none has finished before.
    """
    started, chance = time.monotonic(), random.Random(seed)
    sealers = [first, *[seal_batches] * (kills - 1)]
    if at_work:
        sealers = [choose_death(chance) for _ in range(kills)]
    wanted, repeated = publish(url, events, chance)
    with keep_up(folder) as upkeep:
        killed = sum(kill_one(url, folder, batch, chance, sealer) for sealer in sealers)
        last = start(seal_batches, url, folder, batch)
        last.join()
        assert last.exitcode == 0
    found = Counter(DeltaLake(folder).read(BARS_TABLE, columns=["event_id"])["event_id"])
    return Carried(
        events=events,
        repeated=repeated,
        kills=killed,
        lost=len(wanted - found.keys()),
        doubled=found.total() - len(found),
        compactions=upkeep.compactions,
        deleted=upkeep.deleted,
        seconds=round(time.monotonic() - started, 1),
    )


def publish(url: str, events: int, chance: random.Random) -> tuple[set[str], int]:
    """Append the events; returns their ids, and how many were appended twice."""
    days = business_days(date(2001, 3, 1), -(-events // len(NAMES)))
    calendar = FakeTradingCalendar(days)
    ids, repeated = set(), 0
    with open_log(make_patient(url)) as log:
        pending: list[NewMessage] = []
        for number in range(events):
            message = tell_bar(calendar, NAMES[number % len(NAMES)], days[number // len(NAMES)])
            ids.add(json.loads(message.value)["event_id"])
            again = chance.random() < REPEATED
            repeated += again
            pending += [message, message] if again else [message]
            if len(pending) >= APPENDED or number == events - 1:
                insist(partial(log.append, pending))
                pending = []
    return ids, repeated


def tell_bar(calendar: FakeTradingCalendar, name: str, session: date) -> NewMessage:
    at = calendar.closes_at(session)
    event = Event(
        type=BARS.event_type,
        schema_version=BARS.schema_version,
        source="test",
        sequence=f"{name}{session}",
        key=name,
        event_time=at,
        known_time=at,
        basis=Basis.ASSUMED,
        payload=make_bar(name, session, "10", "10.5"),
    )
    return NewMessage(topic=BARS.name, key=name, value=encode_event(event))


@contextmanager
def keep_up(folder: Path) -> Iterator[Upkeep]:
    """Compact and vacuum for as long as the block runs."""
    upkeep = Upkeep()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            upkeep.run(folder)
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield upkeep
    finally:
        upkeep.done.set()
        thread.join()
    if failed:
        raise failed[0]


def choose_death(chance: random.Random) -> Sealer:
    """A sealer that dies at an append, and at a moment of it, of the seed's choice."""
    at, after = chance.randint(1, MOST_APPENDS), chance.uniform(0, APPEND_SECONDS)
    return partial(seal_until_killed, at_append=at, after=after)


def kill_one(url: str, folder: Path, batch: int, chance: random.Random, sealer: Sealer) -> bool:
    """Start a sealer and kill it some time after its first commit to the lake; False when it was done before.

    One that chooses its moment itself is waited for.
    """
    before, child = _read_versions(folder), start(sealer, url, folder, batch)
    if sealer is seal_batches:
        until = time.monotonic() + START_SECONDS
        while child.is_alive() and _read_versions(folder) == before:
            assert time.monotonic() < until, "the sealer does nothing"
            time.sleep(0.02)
        child.join(chance.uniform(0, WORK_SECONDS))
    else:
        child.join(START_SECONDS)
        assert not child.is_alive(), "the sealer does not come to its death"
    child.kill()
    child.join()
    return bool(child.exitcode == -signal.SIGKILL)


def start(sealer: Sealer, url: str, folder: Path, batch: int) -> Any:
    child = FORKSERVER.Process(target=sealer, args=(url, str(folder), batch))
    child.start()
    return child


def _read_versions(folder: Path) -> list[int]:
    lake = DeltaLake(folder)
    return [lake.sealed_version(BARS_TABLE, f"seal:{BARS.name}:{number}") for number in range(BARS.partitions)]


def _is_sealed(log: EventLog) -> bool:
    topics = map(attrgetter("name"), SEALED)
    return all(is_read(log, sealing.GROUP, topic, until=log.end_offsets(topic)) for topic in topics)
