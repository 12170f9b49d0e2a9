"""Carries events over Kafka into the lake while sealers are killed and the lake is compacted and vacuumed."""

import json
import multiprocessing as mp
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from tests.fakes.market_source import make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.integration.serving import insist
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ExternalServiceError, LeaseLost
from tradeops.domain.event_schemas import encode_event
from tradeops.domain.events import Basis, Event
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.domain.topics import BARS, SEALED
from tradeops.ports.event_log import EventLog, NewMessage
from tradeops.services import seal_lake as sealing
from tradeops.services.read_log import is_read

NAMES = tuple(f"I{number:03d}" for number in range(100))
WHOLE_FILES = 1 << 26
REPEATED = 0.01  # appended twice, as after an outcome that was not known
APPENDED = 1000
START_SECONDS, WORK_SECONDS = 60.0, 0.5

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
        lake = DeltaLake(folder)
        while not self.done.wait(0.3):
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
    with open_event_log(url) as log:
        while not _is_sealed(log):
            with suppress(LeaseLost, ExternalServiceError):  # as the process does: again, from what is durable
                sealing.seal_lake(log, DeltaLake(Path(folder)))


def seal_offsets_first(url: str, folder: str, batch: int) -> None:
    """The mutant: offsets are committed, then the rows; it dies between them."""
    with open_event_log(url) as log, log.open_consumer(sealing.GROUP, [topic.name for topic in SEALED]) as consumer:
        for number in range(2):
            messages = consumer.poll(batch)
            consumer.commit()
            if number:
                os.kill(os.getpid(), signal.SIGKILL)
            for _, group in groupby(sorted(messages, key=sealing._partition_of), key=sealing._partition_of):
                sealing._seal_partition(DeltaLake(Path(folder)), tuple(group), None)


def carry_events(
    url: str, folder: Path, *, events: int, kills: int, batch: int, seed: int, first: Sealer = seal_batches
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
    """
    started, chance = time.monotonic(), random.Random(seed)
    wanted, repeated = publish(url, events, chance)
    with keep_up(folder) as upkeep:
        killed = sum(kill_one(url, folder, batch, chance, first if not turn else seal_batches) for turn in range(kills))
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
    with open_event_log(url) as log:
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


def kill_one(url: str, folder: Path, batch: int, chance: random.Random, sealer: Sealer) -> bool:
    """Start a sealer and kill it some time after its first commit to the lake; False when it was done before.

    A mutant chooses its moment itself and is waited for.
    """
    before, child = _read_versions(folder), start(sealer, url, folder, batch)
    until = time.monotonic() + START_SECONDS
    while child.is_alive() and _read_versions(folder) == before:
        assert time.monotonic() < until, "the sealer does nothing"
        time.sleep(0.02)
    child.join(chance.uniform(0, WORK_SECONDS) if sealer is seal_batches else START_SECONDS)
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
