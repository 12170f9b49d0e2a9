"""Brokers that die or freeze, and clients that die at any step of a transaction: nothing is lost or doubled."""

import multiprocessing as mp
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from tests.contract import event_log_processes as children
from tests.contract.event_log_processes import OUT, RAW, gather, insist, open_log
from tests.contract.test_event_log import drain
from tests.contract.test_event_log_processes import check_each_effect_once_in_order, fill
from tests.fakes.lake import InMemoryLake
from tests.fakes.market_source import make_bar
from tests.faults import kill_kafka
from tests.faults.kill_kafka import STEPS, Step, Work, work_until
from tests.servers.kafka import KafkaServer, lend_prefix, make_patient, run_kafka, set_limits
from tests.unit.services.test_seal_lake import DAYS, tell_bar
from tradeops.adapters.event_log_kafka import writer
from tradeops.adapters.event_log_kafka.consumer import KafkaEventConsumer
from tradeops.domain.errors import ExternalServiceError, LeaseLost
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.ports.event_log import EventConsumer, EventLog, Message, NewMessage
from tradeops.services.read_log import is_read, read_forward
from tradeops.services.seal_lake import seal_lake

FORKSERVER = mp.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.faults.kill_kafka"])
JOIN_SECONDS = 300
MESSAGES = 20


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaServer]:
    """A broker that may be killed: no other test uses it."""
    with run_kafka() as server:
        yield server


def die_at(url: str, work: Work, step: Step) -> int:
    child = FORKSERVER.Process(target=work_until, args=(url, work, step))
    child.start()
    child.join(JOIN_SECONDS)
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[2]} {step[0]} {step[1]}")
def test_a_consumer_that_dies_in_mid_batch_leaves_each_effect_once(kafka_url: str, step: Step) -> None:
    fill(kafka_url, MESSAGES)
    assert die_at(kafka_url, children.consume, step) == -signal.SIGKILL
    children.consume(make_patient(kafka_url))
    check_each_effect_once_in_order(kafka_url, MESSAGES)


@pytest.mark.parametrize(
    ("work", "step"),
    [
        (kill_kafka.consume_offsets_first, ("begin_transaction", 1, "before")),
        (kill_kafka.consume_effects_first, ("commit_transaction", 1, "after")),
    ],
)
def test_mutant_that_commits_in_two_parts_is_found(kafka_url: str, work: Work, step: Step) -> None:
    fill(kafka_url, MESSAGES)
    assert die_at(kafka_url, work, step) == -signal.SIGKILL
    children.consume(make_patient(kafka_url))
    with pytest.raises(AssertionError, match="Counter"):
        check_each_effect_once_in_order(kafka_url, MESSAGES)


def test_a_producer_that_dies_in_mid_append_leaves_nothing_and_hides_nothing(kafka_url: str) -> None:
    assert die_at(kafka_url, kill_kafka.append_fifty, ("commit_transaction", 1, "before")) == -signal.SIGKILL
    with open_log(make_patient(kafka_url)) as log:
        log.append([NewMessage(topic=RAW, key=f"K{number}", value=b"later") for number in range(12)])
        # Behind what the dead one left open; readers wait until the broker has ended that.
        assert [message.value for message in read_forward(log, RAW)] == [b"later"] * 12
        with log.open_consumer("g", [RAW]) as consumer:
            assert len(drain(consumer)) == 12


@pytest.mark.parametrize("came_through", [True, False])
def test_a_commit_whose_outcome_is_unknown_is_found_out_and_not_written_twice(
    kafka_url: str, monkeypatch: pytest.MonkeyPatch, came_through: bool
) -> None:
    real = writer._run

    def lose_the_answer(producer: KafkaProducer, *arguments: Any) -> None:
        if came_through:
            real(producer, *arguments)
        raise KafkaTimeoutError("no answer")

    fill(kafka_url, MESSAGES)
    with open_log(make_patient(kafka_url)) as log, log.open_consumer(children.GROUP, [RAW]) as consumer:
        effects = children.effects_of(drain(consumer))
        monkeypatch.setattr(writer, "_run", lose_the_answer)
        with pytest.raises(ExternalServiceError):
            consumer.commit(effects)
        monkeypatch.undo()
        with pytest.raises(LeaseLost):
            consumer.commit(effects)
        again = drain(consumer)
        assert len(again) == (0 if came_through else MESSAGES)
        consumer.commit(children.effects_of(again))
    check_each_effect_once_in_order(kafka_url, MESSAGES)


def commit_refused_then_others(url: str) -> None:
    """The broker refuses the offsets of one partition; the same member then commits another's, and another goes on."""
    fill(url, MESSAGES)
    with open_log(url) as log, log.open_consumer(children.GROUP, [RAW]) as consumer:
        assert isinstance(consumer, KafkaEventConsumer)
        refused = gather(consumer, 1, limit=3)
        assert consumer._member
        consumer._member = consumer._member._replace(generation_id=consumer._member.generation_id + 7)
        with pytest.raises(LeaseLost):
            consumer.commit(children.effects_of(refused))
        consumer.commit(children.effects_of(poll_others(consumer, refused)))
    children.consume(url)
    check_each_effect_once_in_order(url, MESSAGES)


def poll_others(consumer: KafkaEventConsumer, than: Sequence[Message]) -> list[Message]:
    """Poll messages of other partitions only: all come again, and each time others come first."""
    until = time.monotonic() + JOIN_SECONDS
    while True:
        found = gather(consumer, 1, limit=3)
        if {message.partition for message in found}.isdisjoint(message.partition for message in than):
            return found
        assert time.monotonic() < until
        consumer._must_rewind = True


def test_offsets_that_were_refused_are_not_committed_with_later_ones(kafka_url: str) -> None:
    commit_refused_then_others(make_patient(kafka_url))


def test_mutant_that_goes_on_with_the_producer_of_a_refused_commit_is_found(
    kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer.KafkaWriter, "_give_up", lambda _self, _producer: None)
    with pytest.raises(AssertionError, match="Counter"):
        commit_refused_then_others(make_patient(kafka_url))


@dataclass
class Publisher:
    """Appends batches of events until it is told to stop; one whose outcome is unknown is appended again."""

    log: EventLog
    acknowledged: list[str] = field(default_factory=list)
    repeated: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for number in range(100_000):
            batch = [tell_bar(make_bar(f"{number}.{part}", DAYS[part], "10", "10.5")) for part in range(3)]
            while not self._append(batch):
                self.repeated += 1
            self.acknowledged += [f"{number}.{part}" for part in range(3)]
            if self.stop.is_set():
                return

    def _append(self, batch: list[NewMessage]) -> bool:
        try:
            self.log.append(batch[:1])
            self.log.append(batch[1:])
        except ExternalServiceError:
            time.sleep(0.2)
            return False
        return True


def publish_while(url: str, harm: Callable[[Publisher], None]) -> Publisher:
    """Publish, let something happen to the broker, and publish for a while after it."""
    with open_log(url) as log:
        publisher = Publisher(log)
        thread = threading.Thread(target=publisher.run)
        thread.start()
        try:
            wait_for_progress(publisher)
            harm(publisher)
            wait_for_progress(publisher)
        finally:
            publisher.stop.set()
            thread.join(JOIN_SECONDS)
        assert not thread.is_alive()
    return publisher


def wait_for_progress(publisher: Publisher) -> None:
    wanted, until = len(publisher.acknowledged) + 60, time.monotonic() + JOIN_SECONDS
    while len(publisher.acknowledged) < wanted:
        assert time.monotonic() < until, "the publisher makes no progress"
        time.sleep(0.05)


def check_each_event_once_in_the_lake(url: str, publisher: Publisher) -> int:
    """Every acknowledged event is on the log, and in the lake once; returns how often one is doubled on the log."""
    lake = InMemoryLake()
    with open_log(make_patient(url)) as log:
        copies = Counter(message.value for message in read_forward(log, OUT))
        counts = seal_lake(log, lake)
    doubled = copies.total() - len(copies)
    assert counts.duplicates == doubled
    assert doubled <= 3 * publisher.repeated
    assert Counter(lake.read(BARS_TABLE)["instrument"]) == Counter(publisher.acknowledged)
    return doubled


def kill_and_restart(broker: KafkaServer) -> None:
    broker.process.kill()
    broker.process.start()


def freeze(broker: KafkaServer, is_over: Callable[[], bool]) -> None:
    """Freeze the broker until something has happened."""
    broker.process.freeze()
    try:
        until = time.monotonic() + JOIN_SECONDS
        while not is_over():
            assert time.monotonic() < until, "nothing happens"
            time.sleep(0.05)
    finally:
        broker.process.thaw()


def freeze_for(broker: KafkaServer, seconds: float) -> None:
    until = time.monotonic() + seconds
    freeze(broker, lambda: time.monotonic() > until)


def freeze_until_repeated(broker: KafkaServer, publisher: Publisher) -> None:
    before = publisher.repeated
    freeze(broker, lambda: publisher.repeated > before)


def has_read_all(log: EventLog) -> bool:
    """Whether the group is known to have read everything."""
    with suppress(ExternalServiceError):
        return is_read(log, children.GROUP, RAW, until=log.end_offsets(RAW))
    return False


def commit_some(consumer: EventConsumer) -> None:
    """Commit the effects of a poll."""
    insist(lambda: consumer.commit(children.effects_of(gather(consumer, 1, limit=5))))


def go_on_until_all_is_read(log: EventLog, consumer: EventConsumer, pending: Sequence[Message]) -> None:
    until = time.monotonic() + JOIN_SECONDS
    while not has_read_all(log):
        assert time.monotonic() < until
        with suppress(LeaseLost, ExternalServiceError):
            consumer.commit(children.effects_of(pending))
        pending = ()
        with suppress(ExternalServiceError):
            pending = consumer.poll(5)


def test_a_consumer_outlives_its_broker(broker: KafkaServer) -> None:
    with lend_prefix(broker.url) as url:
        fill(url, MESSAGES)
        with open_log(url) as log, log.open_consumer(children.GROUP, [RAW]) as consumer:
            commit_some(consumer)
            pending = gather(consumer, 1, limit=5)
            kill_and_restart(broker)
            go_on_until_all_is_read(log, consumer, pending)
        check_each_effect_once_in_order(url, MESSAGES)


def test_a_broker_that_is_killed_in_mid_append_loses_and_doubles_nothing(broker: KafkaServer) -> None:
    with lend_prefix(broker.url) as url:
        publisher = publish_while(url, lambda _: kill_and_restart(broker))
        check_each_event_once_in_the_lake(url, publisher)


def test_a_broker_that_freezes_is_waited_for(broker: KafkaServer) -> None:
    with lend_prefix(broker.url) as url:
        publisher = publish_while(url, lambda _: freeze_for(broker, 6.0))
        check_each_event_once_in_the_lake(url, publisher)


def test_a_broker_that_freezes_for_too_long_leaves_unknown_outcomes_that_may_be_repeated(broker: KafkaServer) -> None:
    with lend_prefix(broker.url) as url:
        open_log(url).close()  # makes the topics, however long that takes
        impatient = set_limits(url, session_s=2, patience_s=2.5)
        publisher = publish_while(impatient, lambda publisher: freeze_until_repeated(broker, publisher))
        assert publisher.repeated
        check_each_event_once_in_the_lake(url, publisher)
