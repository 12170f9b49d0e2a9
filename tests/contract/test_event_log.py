"""What producers and consumers may rely on, of the fake, of SQLite and of Kafka."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.event_log_processes import insist
from tests.contract.event_log_rigs import Rig
from tests.fakes.event_log import InMemoryEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.event_log_sqlite.consumer import SqliteEventConsumer
from tradeops.adapters.event_log_sqlite.messages import append_messages
from tradeops.adapters.sqlite import HeldConnection
from tradeops.domain.errors import ConfigurationError, ExternalServiceError, LeaseHeld, LeaseLost
from tradeops.domain.topics import ACTIONS, BARS, BARS_RAW, MACRO, choose_partition
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.read_log import is_read

RAW, OUT, ONE = BARS_RAW.name, BARS.name, MACRO.name
WAIT_SECONDS = 120.0  # for a lease that is given back; a busy broker hears of it late
KEYS = ("AAPL", "IBM", "MSFT", "GOOG", "FB", "A", "B", "C", "D")


def say(key: str, text: str, topic: str = RAW) -> NewMessage:
    return NewMessage(topic=topic, key=key, value=text.encode())


def fill(log: EventLog, count: int = 45) -> list[str]:
    texts = [f"{number:03d}" for number in range(count)]
    log.append([say(KEYS[number % len(KEYS)], text) for number, text in enumerate(texts)])
    return texts


def texts_of(messages: tuple[Message, ...] | list[Message]) -> list[str]:
    return sorted(message.value.decode() for message in messages)


def read_all(log: EventLog, topic: str) -> list[Message]:
    return [message for number in log.end_offsets(topic) for message in log.read(topic, number, 0, 10_000)]


def has_read_all(log: EventLog, group: str = "g", topic: str = RAW) -> bool:
    return is_read(log, group, topic, until=log.end_offsets(topic))


def drain(consumer: Any, limit: int = 1000) -> list[Message]:
    found: list[Message] = []
    while page := consumer.poll(limit):
        found += page
    return found


def drain_and_commit(consumer: Any) -> list[Message]:
    found = drain(consumer)
    consumer.commit()
    return found


def test_a_message_comes_back_as_it_was(rig: Rig) -> None:
    value, headers = bytes(range(256)), {"trace": "a\u00e9\ud800", "empty": ""}
    rig.log.append([NewMessage(topic=RAW, key="Å", value=value, headers=headers)])
    place = choose_partition("Å", BARS_RAW.partitions)
    (message,) = rig.reopen().read(RAW, place, 0)
    assert message == Message(topic=RAW, partition=place, offset=0, key="Å", value=value, headers=headers)


FOUR = (RAW, OUT, ONE, BARS.dead_letters)


@pytest.mark.parametrize("kind", ["memory", "memory with gaps", "sqlite", "kafka"])
def test_messages_of_a_partition_stand_in_the_order_they_came(kind: str, request: pytest.FixtureRequest) -> None:
    if "memory" in kind:
        log: EventLog = InMemoryEventLog(marks=kind == "memory with gaps")
    else:
        log = request.getfixturevalue(f"{kind}_rig").log

    @settings(max_examples=5 if kind == "kafka" else 40, deadline=None)
    @given(batches=st.lists(st.lists(st.tuples(st.sampled_from(FOUR), st.sampled_from(KEYS)))))
    def check(batches: list[list[tuple[str, str]]]) -> None:
        check_order(log, batches)

    check()


def check_order(log: EventLog, batches: list[list[tuple[str, str]]]) -> None:
    topics = FOUR
    before = {topic: read_all(log, topic) for topic in topics}
    sent: list[NewMessage] = []
    for batch in batches:
        new = [say(key, f"{len(sent) + number}", topic) for number, (topic, key) in enumerate(batch)]
        log.append(new)
        sent += new
    for topic in topics:
        ends = log.end_offsets(topic)
        assert log.count_messages(topic) == len(before[topic]) + sum(m.topic == topic for m in sent)
        for number, end in ends.items():
            lane = log.read(topic, number, 0, end + 1)
            old = sum(message.partition == number for message in before[topic])
            new = [m for m in sent if m.topic == topic and choose_partition(m.key, len(ends)) == number]
            offsets = [message.offset for message in lane]
            assert offsets == sorted(set(offsets)) and all(offset < end for offset in offsets)
            assert [(m.key, m.value) for m in lane[old:]] == [(m.key, m.value) for m in new]


@pytest.mark.parametrize("topic", ["market.gossip", f"{RAW}.dlq.dlq", "", ".dlq"])
def test_an_unknown_topic_is_refused_and_nothing_of_its_batch_is_written(rig: Rig, topic: str) -> None:
    with pytest.raises(ConfigurationError):
        rig.log.append([say("A", "good"), say("A", "bad", topic), say("A", "good")])
    assert read_all(rig.log, RAW) == []
    looks = (rig.log.end_offsets, rig.log.count_messages, partial(rig.log.read, partition=0, offset=0))
    for look in (*looks, partial(rig.log.committed, "g")):
        with pytest.raises(ConfigurationError):
            look(topic)
    with pytest.raises(ConfigurationError):
        rig.log.open_consumer("g", [topic])


def test_a_partition_that_is_not_there_is_refused(rig: Rig) -> None:
    for number in (-1, BARS_RAW.partitions):
        with pytest.raises(ConfigurationError):
            rig.log.read(RAW, number, 0)


def test_dead_letters_have_the_partitions_of_their_topic(rig: Rig) -> None:
    assert rig.log.end_offsets(BARS_RAW.dead_letters).keys() == rig.log.end_offsets(RAW).keys()


def test_reading_starts_at_the_offset_and_stops_at_the_limit(rig: Rig) -> None:
    rig.log.append([say("A", str(number), ONE) for number in range(10)])
    assert [m.offset for m in rig.log.read(ONE, 0, 4, 3)] == [4, 5, 6]
    assert rig.log.read(ONE, 0, 10) == ()


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_lone_member_gets_everything_once_in_order_of_its_key(rig: Rig, limit: int) -> None:
    texts = fill(rig.log)
    with rig.log.open_consumer("g", [RAW]) as consumer:
        found = drain(consumer, limit)
        assert texts_of(found) == texts
        for key in KEYS:
            lane = [message.value for message in found if message.key == key]
            assert lane == sorted(lane)
        consumer.commit()
        assert consumer.poll() == ()
    assert has_read_all(rig.log)


def test_a_full_partition_does_not_starve_the_others(rig: Rig) -> None:
    fill(rig.log, 90)
    with rig.log.open_consumer("g", [RAW]) as consumer:
        seen = set()
        for _ in range(2 * BARS_RAW.partitions):
            seen |= {message.partition for message in consumer.poll(2)}
            consumer.commit()
        assert len(seen) == len({choose_partition(key, BARS_RAW.partitions) for key in KEYS})


def test_groups_do_not_touch_each_other(rig: Rig) -> None:
    texts = fill(rig.log)
    for group in ("one", "two"):
        with rig.log.open_consumer(group, [RAW]) as consumer:
            assert texts_of(drain(consumer)) == texts
            consumer.commit()


def test_what_was_not_committed_comes_again(rig: Rig) -> None:
    texts = fill(rig.log)
    with rig.log.open_consumer("g", [RAW]) as consumer:
        done = consumer.poll(10)
        consumer.commit()
        consumer.poll(10)
    with rig.reopen().open_consumer("g", [RAW]) as consumer:
        assert texts_of(drain(consumer)) == sorted(set(texts) - set(texts_of(done)))


def test_outputs_and_offsets_are_written_together(rig: Rig) -> None:
    fill(rig.log, 9)
    with rig.log.open_consumer("g", [RAW]) as consumer:
        polled = drain(consumer)
        with pytest.raises(ConfigurationError):
            consumer.commit([say("A", "good", OUT), say("A", "bad", "market.gossip")])
        assert set(rig.log.committed("g", RAW).values()) == {0}
        assert read_all(rig.log, OUT) == []
        consumer.commit([say(message.key, message.value.decode(), OUT) for message in polled])
    assert texts_of(read_all(rig.log, OUT)) == texts_of(polled)
    assert has_read_all(rig.log)


def test_two_members_share_and_a_late_joiner_gets_its_part(rig: Rig) -> None:
    told = fill(rig.log)
    with rig.log.open_consumer("g", [RAW]) as one, rig.reopen().open_consumer("g", [RAW]) as two:
        early = one.poll(5)
        with rig.reopen_hasty().open_consumer("g", [RAW]) as hasty:
            assert hasty.poll() == ()  # the first holds all partitions and is not done with them
        one.commit()
        rig.settle(one, two)
        shares = drain(one), drain(two)
        one.commit(), two.commit()
        places = [{message.partition for message in share} for share in shares]
        assert all(places) and not places[0] & places[1]
        more = fill(rig.log)
        again = drain(one), drain(two)
        assert all(again)
    assert texts_of([*early, *shares[0], *shares[1]]) == told
    assert texts_of([*again[0], *again[1]]) == more


def test_partitions_of_one_are_shared_too(rig: Rig) -> None:
    topics = [MACRO.name, ACTIONS.name]
    rig.log.append([say("A", topic, topic) for topic in topics])
    with rig.log.open_consumer("g", topics) as one, rig.reopen().open_consumer("g", topics) as two:
        rig.settle(one, two)
        assert [len(drain(one)), len(drain(two))] == [1, 1]


def test_who_leaves_gives_its_partitions_back_at_once(rig: Rig) -> None:
    texts = fill(rig.log)
    with rig.log.open_consumer("g", [RAW]) as one:
        with rig.reopen().open_consumer("g", [RAW]) as two:
            assert texts_of(drain(two)) == texts
        assert texts_of(drain(one)) == texts


def check_a_zombie_is_refused(rig: Rig) -> None:
    """Who was taken over writes neither outputs nor offsets, and goes on from where the other stands."""
    texts = fill(rig.log)
    with rig.log.open_consumer("g", [RAW]) as zombie, rig.reopen().open_consumer("g", [RAW]) as heir:
        zombie.poll(20)
        rig.expire_members("g")
        inherited = drain(heir)
        assert texts_of(inherited) == texts
        with pytest.raises(LeaseLost):
            zombie.commit([say("A", "late", OUT)])
        assert read_all(rig.log, OUT) == []
        assert set(rig.log.committed("g", RAW).values()) == {0}
        heir.commit([say(message.key, message.value.decode(), OUT) for message in inherited])
        rig.settle(zombie, heir)
        assert drain(zombie) == []
        zombie.commit()
    assert texts_of(read_all(rig.log, OUT)) == texts


def test_a_zombie_is_refused(rig: Rig) -> None:
    check_a_zombie_is_refused(rig)


def test_mutant_without_epoch_check_is_found(sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradeops.adapters.event_log_sqlite import consumer as module

    monkeypatch.setattr(
        module,
        "_ADVANCE",
        "UPDATE leases SET next_offset = ? WHERE consumer_group = ? AND partition_id = ? AND ? AND ? AND ? >= 0",
    )
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_a_zombie_is_refused(sqlite_rig)


def test_a_silent_member_that_nobody_followed_commits_or_polls_again(rig: Rig) -> None:
    texts = fill(rig.log)
    with rig.log.open_consumer("g", [RAW]) as consumer:
        drain(consumer)
        rig.expire_members("g")
        if rig.strikes_off:
            with pytest.raises(LeaseLost):
                consumer.commit([say("A", "effect", OUT)])
            assert read_all(rig.log, OUT) == []
            # Its library hears of it with the next heartbeat only: another commit may be refused before.
            assert texts_of(insist(lambda: drain_and_commit(consumer))) == texts
        consumer.commit()
        assert consumer.poll() == ()
    assert has_read_all(rig.log)


def test_a_commit_that_came_through_unheard_is_not_written_twice(sqlite_rig: Rig) -> None:
    fill(sqlite_rig.log, 9)
    with sqlite_rig.log.open_consumer("g", [RAW]) as consumer:
        assert isinstance(consumer, SqliteEventConsumer)
        consumer.poll()
        before = consumer._held
        consumer.commit([say("A", "effect", OUT)])
        consumer._held = before
        with pytest.raises(LeaseLost):
            consumer.commit([say("A", "effect", OUT)])
        assert consumer.poll() == ()
    assert texts_of(read_all(sqlite_rig.log, OUT)) == ["effect"]


def test_a_poll_that_fails_gives_nothing_out_and_skips_nothing(
    sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = fill(sqlite_rig.log)
    with sqlite_rig.log.open_consumer("g", [RAW]) as consumer:
        first = list(consumer.poll(10))
        real = HeldConnection.write_cursor

        @contextmanager
        def fail_at_the_end(self: HeldConnection) -> Iterator[Any]:
            with real(self) as cursor:
                yield cursor
                raise ExternalServiceError("disk full")

        monkeypatch.setattr(HeldConnection, "write_cursor", fail_at_the_end)
        for _ in range(3):
            with pytest.raises(ExternalServiceError):
                consumer.poll(10)
        with pytest.raises(ExternalServiceError):
            consumer.commit([say("A", "effect", OUT)])
        monkeypatch.undo()
        assert texts_of(first + drain(consumer)) == texts
        consumer.commit()
    assert read_all(sqlite_rig.log, OUT) == []


def test_mutant_that_appends_one_by_one_is_found(sqlite_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_by_one(self: SqliteEventLog, messages: list[NewMessage]) -> None:
        for message in messages:
            with self._connection.write_cursor() as cursor:
                append_messages(cursor, self._partitions, [message])

    monkeypatch.setattr(SqliteEventLog, "append", one_by_one)
    with pytest.raises(AssertionError):
        test_an_unknown_topic_is_refused_and_nothing_of_its_batch_is_written(sqlite_rig, "market.gossip")


def test_outputs_of_one_that_never_polled_are_appended(rig: Rig) -> None:
    with rig.log.open_consumer("g", [RAW]) as consumer:
        consumer.commit([say("A", "effect", OUT)])
    assert texts_of(read_all(rig.log, OUT)) == ["effect"]


def test_a_lease_is_held_by_one(rig: Rig) -> None:
    other = rig.reopen()
    with rig.log.hold("backfill"):
        with pytest.raises(LeaseHeld, match="backfill") as caught, other.hold("backfill"):
            pass
        assert caught.value.retryable
        with other.hold("ingest"):
            pass
    with other.hold("backfill", wait_seconds=WAIT_SECONDS):
        pass


def test_a_lease_is_given_back_when_the_block_fails(rig: Rig) -> None:
    with pytest.raises(ValueError, match="a bug"), rig.log.hold("backfill"):
        raise ValueError("a bug")
    with rig.reopen().hold("backfill", wait_seconds=WAIT_SECONDS):
        pass


@pytest.mark.parametrize("kind", ["sqlite", "kafka"])
def test_who_waits_gets_the_lease_when_it_is_free(kind: str, request: pytest.FixtureRequest) -> None:
    held, free = threading.Event(), threading.Event()
    rig: Rig = request.getfixturevalue(f"{kind}_rig")
    log = rig.reopen()

    def keep() -> None:
        with log.hold("backfill"):
            held.set()
            free.wait(WAIT_SECONDS)

    holder = threading.Thread(target=keep)
    holder.start()
    assert held.wait(WAIT_SECONDS)
    threading.Timer(0.2, free.set).start()
    with rig.log.hold("backfill", wait_seconds=WAIT_SECONDS):
        assert free.is_set()
    holder.join()
