"""Event logs of every kind, opened for the suites, and how their members fall silent and agree."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.event_log_processes import insist
from tests.fakes.event_log import InMemoryEventLog
from tests.servers.kafka import make_patient, set_limits, strike_off
from tradeops.adapters.event_log_kafka import KafkaAddress, KafkaEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.topics import find_topic
from tradeops.ports.event_log import EventConsumer, EventLog

AGREE_SECONDS = 300.0


@dataclass
class Rig:
    """A log, other sights of it, and ways to let the members of a group fall silent, and agree on their shares.

    A hasty sight waits for others' answers for seconds only. Where `strikes_off`, a silent member is out of its group
    even if nobody follows it.
    """

    log: EventLog
    reopen: Callable[[], EventLog]
    reopen_hasty: Callable[[], EventLog]
    expire_members: Callable[[str], None]
    settle: Callable[..., None]
    strikes_off: bool = False


def take_turns(*members: EventConsumer) -> None:
    """Members that look at one table agree when each has looked twice."""
    for member in (*members, *members):
        member.poll(0)


def attend_together(*members: Any) -> None:
    """Members of a broker's group must all take part in its rebalances, each in its own thread."""
    agreed = threading.Event()

    def attend(member: Any) -> None:
        while not agreed.is_set():
            insist(lambda: member.poll(0))

    threads = [threading.Thread(target=attend, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    until = time.monotonic() + AGREE_SECONDS
    try:
        while not have_shared(members):
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        agreed.set()
        for thread in threads:
            thread.join()


def have_shared(members: Sequence[Any]) -> bool:
    """Whether each has partitions, nobody else has any, and none is given twice."""
    shares = [member._joined.assignment() if member._joined else set() for member in members]
    whole = sum(find_topic(topic).partitions for topic in members[0]._topics.values())
    return all(shares) and sum(map(len, shares)) == len(set().union(*shares)) == whole


def make_memory_rig(*, marks: bool) -> Rig:
    log = InMemoryEventLog(marks=marks)
    return Rig(log, lambda: log, lambda: log, log.expire_members, take_turns)


@contextmanager
def open_sqlite_rig(folder: Path) -> Iterator[Rig]:
    with ExitStack() as opened:

        def reopen() -> SqliteEventLog:
            return opened.enter_context(SqliteEventLog(f"sqlite:///{folder}/event_log.db"))

        first = reopen()

        def expire(group: str) -> None:
            with first._connection.write_cursor() as cursor:
                cursor.execute("UPDATE members SET expires_at = 0 WHERE consumer_group = ?", (group,))

        yield Rig(first, reopen, reopen, expire, take_turns)


@contextmanager
def open_kafka_rig(url: str) -> Iterator[Rig]:
    patient = make_patient(url)
    with ExitStack() as opened:

        def open_at(address: str) -> KafkaEventLog:
            return opened.enter_context(insist(lambda: KafkaEventLog(KafkaAddress.parse(address))))

        yield Rig(
            log=open_at(patient),
            reopen=lambda: open_at(patient),
            reopen_hasty=lambda: open_at(set_limits(url, session_s=1, patience_s=60)),
            expire_members=lambda group: insist(lambda: strike_off(patient, group)),
            settle=attend_together,
            strikes_off=True,
        )
