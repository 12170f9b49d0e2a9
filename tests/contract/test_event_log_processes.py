"""Many processes at one event log, and processes that die in the middle."""

import multiprocessing as mp
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contract import event_log_processes as children
from tests.contract.event_log_processes import GROUP, OUT, RAW, gather, open_log
from tests.servers.kafka import make_patient, set_limits
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, LeaseHeld
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.read_log import is_read

SPAWN = mp.get_context("spawn")
# Children are forked from a warm, single-threaded parent that has no connection open.
FORKSERVER = mp.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.contract.event_log_processes"])

JOIN_SECONDS = 300
AT_ONCE = 500
KEYS = [f"K{number}" for number in range(12)]


def fill(url: str, count: int, first: int = 0) -> None:
    """Append messages from a number on, few at once: a broker gives up a transaction that takes too long."""
    numbers = range(first, first + count)
    messages = [NewMessage(topic=RAW, key=KEYS[number % len(KEYS)], value=b"%06d" % number) for number in numbers]
    with open_log(make_patient(url)) as log:
        for start_at in range(0, count, AT_ONCE):
            log.append(messages[start_at : start_at + AT_ONCE])


def read_all(log: EventLog, topic: str) -> list[Message]:
    return [message for number in log.end_offsets(topic) for message in log.read(topic, number, 0, 100_000)]


def check_each_effect_once_in_order(url: str, count: int) -> None:
    """Every message has one effect, effects of a key stand in its order, and the group stands at the end."""
    with open_log(make_patient(url)) as log:
        effects = read_all(log, OUT)
        assert Counter(effect.value for effect in effects) == Counter(b"%06d" % number for number in range(count))
        for key in KEYS:
            lane = [effect.value for effect in effects if effect.key == key]
            assert lane == sorted(lane)
        assert is_read(log, GROUP, RAW, until=log.end_offsets(RAW))


def start(work: Any, *arguments: Any) -> Any:
    process = FORKSERVER.Process(target=work, args=arguments)
    process.start()
    return process


@pytest.fixture(params=["sqlite", "kafka"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/fresh/event_log.db"
    found: str = request.getfixturevalue("kafka_url")
    return found


@dataclass
class Crowd:
    """Members that work in processes of their own until nothing is left, and are killed meanwhile."""

    url: str
    batch: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    members: list[Any] = field(default_factory=list)

    def begin(self) -> None:
        self.members = [self._start() for _ in range(3)]

    def works(self) -> bool:
        return any(member.is_alive() for member in self.members)

    def kill_one(self) -> bool:
        """Kill any, and let another follow it; False when that one had come to its end."""
        victim = self.chance.randrange(len(self.members))
        if not self.members[victim].is_alive():
            return False
        self.members[victim].kill()
        self.members[victim].join()
        self.members[victim] = self._start()
        return True

    def _start(self) -> Any:
        return start(children.consume, self.url, self.batch)


def test_members_that_are_killed_at_random_lose_and_double_nothing(url: str) -> None:
    # A broker notices a death by silence, so that kills in quick succession would only hinder each other there.
    portion, batch, pause, most = (4000, 4, 0.1, 25) if url.startswith("sqlite") else (6000, 50, 2.0, 6)
    crowd, count, kills = Crowd(url, batch), 0, 0
    until = time.monotonic() + JOIN_SECONDS
    while kills < 5 or crowd.works():
        assert time.monotonic() < until
        if not crowd.works():  # in the beginning, or when they were faster than the kills
            assert all(member.exitcode == 0 for member in crowd.members)
            fill(url, portion, first=count)
            count += portion
            crowd.begin()
        time.sleep(crowd.chance.uniform(0.2, 1) * pause)
        if kills < most:
            kills += crowd.kill_one()
    assert [member.exitcode for member in crowd.members] == [0, 0, 0]
    check_each_effect_once_in_order(url, count)


def kill_before_every_statement(tmp_path: Path, work: children.Work) -> int:
    """Die before the 1st, 2nd, … statement; each time another finishes. Returns how many died."""
    count = 10
    for at_statement in range(1, 200):
        url = f"sqlite:///{tmp_path}/{at_statement}/event_log.db"
        fill(url, count)
        victim = start(children.consume_until_killed, url, work, at_statement)
        victim.join(JOIN_SECONDS)
        assert victim.exitcode in (0, -signal.SIGKILL)
        children.consume(url)
        check_each_effect_once_in_order(url, count)
        if victim.exitcode == 0:
            return at_statement - 1
    raise AssertionError("no child came to its end")


def test_killed_before_any_statement_every_effect_is_there_once(tmp_path: Path) -> None:
    assert kill_before_every_statement(tmp_path, children.consume) > 20


@pytest.mark.parametrize("work", [children.consume_offsets_first, children.consume_effects_first])
def test_mutant_that_commits_in_two_parts_is_found(tmp_path: Path, work: children.Work) -> None:
    with pytest.raises(AssertionError, match="Counter"):
        kill_before_every_statement(tmp_path, work)


def test_appends_of_many_processes_are_whole_and_in_order(url: str) -> None:
    producers, batches, url = 4, 40, make_patient(url)
    start_at = time.time() + 1.5
    crowd = [SPAWN.Process(target=children.produce, args=(url, name, batches, start_at)) for name in range(producers)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(JOIN_SECONDS)
    assert [process.exitcode for process in crowd] == [0] * producers
    with open_log(url) as log:
        found = read_all(log, RAW)
    assert len(found) == len({message.value for message in found}) == producers * batches * 5
    for producer in range(producers):
        for part in range(5):
            mine = [message.value.split() for message in found if message.key == f"K{part}"]
            numbers = [int(number) for name, number, _ in mine if int(name) == producer]
            assert numbers == list(range(batches))


def check_what_a_dead_process_held_is_free(url: str) -> None:
    """Nobody waits for the lease of a process that is gone, but for the session of a broker."""
    fill(url, 20)
    held, on_broker = FORKSERVER.Event(), url.startswith("kafka")
    seconds = children.INSIST_SECONDS if on_broker else 0.0
    # The living holder must not be struck off either.
    holder = start(children.hold_until_killed, set_limits(url, session_s=8, patience_s=60) if on_broker else url, held)
    assert held.wait(JOIN_SECONDS)
    with open_log(url) as log, log.open_consumer(GROUP, [RAW]) as heir:
        assert heir.poll() == ()
        with pytest.raises(LeaseHeld), log.hold("backfill"):
            pass
        holder.kill()
        holder.join()
        with log.hold("backfill", wait_seconds=seconds):
            pass
        assert len(gather(heir, 20, seconds=seconds)) == 20


def test_what_a_dead_process_held_is_free(url: str) -> None:
    check_what_a_dead_process_held_is_free(url)


@pytest.mark.parametrize("place", ["holds", "membership"])
def test_mutant_that_does_not_look_whether_a_process_lives_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(f"tradeops.adapters.event_log_sqlite.{place}.is_dead", lambda _owner: False)
    with pytest.raises((LeaseHeld, AssertionError)):
        check_what_a_dead_process_held_is_free(f"sqlite:///{tmp_path}/event_log.db")


def test_a_holder_on_another_host_is_judged_by_its_renewals(tmp_path: Path) -> None:
    with SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db") as log:
        for seconds, free in ((10.0, False), (-1.0, True)):
            with log._connection.write_cursor() as cursor:
                cursor.execute(
                    "INSERT OR REPLACE INTO holds VALUES ('backfill', 'elsewhere', 1, 1.0, unixepoch('subsec') + ?)",
                    (seconds,),
                )
            if free:
                with log.hold("backfill"):
                    pass
            else:
                with pytest.raises(LeaseHeld, match="elsewhere"), log.hold("backfill"):
                    pass


def test_a_lease_is_renewed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradeops.adapters.event_log_sqlite import holds

    monkeypatch.setattr(holds, "_RENEW_SECONDS", 0.01)
    url = f"sqlite:///{tmp_path}/event_log.db"
    with SqliteEventLog(url) as log, SqliteEventLog(url) as other, log.hold("backfill"):
        seen = set()
        until = time.monotonic() + 30
        while len(seen) < 3 and time.monotonic() < until:
            with other._connection.read_cursor() as cursor:
                seen |= set(cursor.execute("SELECT expires_at FROM holds").fetchall())
        assert len(seen) == 3


def test_a_renewal_that_fails_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from tradeops.adapters.event_log_sqlite import holds

    tried_again = threading.Event()

    def fail(_cursor: object) -> float:
        if caplog.messages:
            tried_again.set()
        raise ExternalServiceError("disk full")

    monkeypatch.setattr(holds, "_RENEW_SECONDS", 0.01)
    with SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db") as log, log.hold("backfill"):
        monkeypatch.setattr(holds, "read_clock", fail)
        assert tried_again.wait(30)
    assert "backfill could not be renewed" in caplog.messages[0]


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/event_log.db"
    with SqliteEventLog(url) as log, log._connection.write_cursor() as cursor:
        cursor.execute("PRAGMA user_version = 2")
    with pytest.raises(ConfigurationError, match="newer release"):
        SqliteEventLog(url)


def test_a_catalogue_with_other_partitions_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/event_log.db"
    with SqliteEventLog(url) as log, log._connection.write_cursor() as cursor:
        cursor.execute("INSERT INTO partitions (topic, partition) VALUES (?, 9)", (RAW,))
    with pytest.raises(ConfigurationError, match="partitions"):
        SqliteEventLog(url)


def test_an_inherited_log_is_refused_after_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteEventLog(f"sqlite:///{tmp_path}/event_log.db") as log:
        monkeypatch.setattr("os.getpid", lambda: 1)
        with pytest.raises(ConfigurationError, match="after the fork"):
            log.append([NewMessage(topic=RAW, key="A", value=b"")])
        monkeypatch.undo()
