"""What the client library for Kafka does not tell its user, played by a stand-in for its consumer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kafka.errors import KafkaError, UnknownBrokerIdError
from kafka.structs import ConsumerGroupMetadata, MemberState, TopicPartition

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.consumer import KafkaEventConsumer, LogParts
from tradeops.adapters.event_log_kafka.reader import KafkaReader
from tradeops.adapters.event_log_kafka.writer import KafkaWriter
from tradeops.domain.errors import ExternalServiceError, LeaseLost
from tradeops.domain.topics import BARS_RAW

PLACE = TopicPartition(BARS_RAW.name, 0)
END = 10


@dataclass
class Broker:
    """One partition of ten messages, and what its one group committed."""

    committed: int = 0
    generation: int = 1
    fails: Callable[[], KafkaError | None] = lambda: None
    members: list["Member"] = field(default_factory=list)


class Member:
    """The library's consumer: it reads on where it stands, and takes a generation without telling anybody."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._position = broker, broker.committed
        self.is_closed = False
        broker.members.append(self)

    def poll(self, _timeout_ms: float = 0, max_records: int = 0) -> dict[TopicPartition, list[Any]]:
        assert not self.is_closed
        first, self._position = self._position, min(END, self._position + max_records)
        if error := self._broker.fails():  # what was fetched is gone, and the position is past it
            raise error
        offsets = range(first, self._position)
        return {PLACE: [SimpleNamespace(partition=0, offset=at, key=b"A", value=b"", headers=[]) for at in offsets]}

    def group_metadata(self) -> ConsumerGroupMetadata:
        return ConsumerGroupMetadata("g", self._broker.generation, "member", None, MemberState.STABLE)

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def committed(self, _place: TopicPartition, timeout_ms: float) -> int:
        return self._broker.committed

    def position(self, _place: TopicPartition, _timeout_ms: float = 0) -> int:
        return self._position

    def end_offsets(self, _places: object) -> dict[TopicPartition, int]:
        return {PLACE: END}

    def seek(self, _place: TopicPartition, offset: int) -> None:
        self._position = offset

    def assign(self, _places: object) -> None: ...

    def pause(self, *_places: TopicPartition) -> None: ...

    def resume(self, *_places: TopicPartition) -> None: ...

    def paused(self) -> Iterable[TopicPartition]:
        return ()

    def close(self, **_how: object) -> None:
        self.is_closed = True


class Clients:
    address = KafkaAddress.parse("kafka://broker:9092")

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def open_member(self, *_asked: object) -> Member:
        return Member(self._broker)

    def open_reader(self, *_asked: object) -> Member:
        return Member(self._broker)


class Writer:
    """Commits as the broker would: for the generation that holds now."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def commit(self, _outputs: object, offsets: dict[TopicPartition, int], member: ConsumerGroupMetadata) -> None:
        assert member.generation_id == self._broker.generation
        self._broker.committed = offsets[PLACE]

    def settle(self) -> None: ...


@pytest.fixture
def broker() -> Broker:
    return Broker()


def open_reader(broker: Broker) -> KafkaReader:
    return KafkaReader(cast("KafkaClients", Clients(broker)))


def open_consumer(broker: Broker) -> KafkaEventConsumer:
    clients, writer = cast("KafkaClients", Clients(broker)), cast("KafkaWriter", Writer(broker))
    return KafkaEventConsumer(LogParts(clients=clients, reader=open_reader(broker), writer=writer), "g", [PLACE.topic])


def poll_offsets(consumer: KafkaEventConsumer, limit: int = 1000) -> list[int]:
    return [message.offset for message in consumer.poll(limit)]


def fail_once(error: KafkaError) -> Callable[[], KafkaError | None]:
    pending = [error]
    return lambda: pending.pop() if pending else None


def go_on_after_a_silent_loss(broker: Broker) -> None:
    """Another member did six messages while this one held them in stock, and nothing told it that they were lost."""
    consumer = open_consumer(broker)
    assert poll_offsets(consumer, 2) == [0, 1]
    consumer.commit([cast("Any", None)])
    broker.committed, broker.generation = 8, 3
    assert poll_offsets(consumer) == [8, 9]
    consumer.commit([cast("Any", None)])
    assert broker.committed == END


def test_what_was_in_stock_before_a_new_generation_is_asked_for_again(broker: Broker) -> None:
    go_on_after_a_silent_loss(broker)


def test_mutant_that_trusts_to_be_told_of_losses_is_found(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    def trust(self: KafkaEventConsumer, _member: object, generation: ConsumerGroupMetadata) -> None:
        self._member = generation

    monkeypatch.setattr(KafkaEventConsumer, "_enter", trust)
    with pytest.raises(AssertionError):
        go_on_after_a_silent_loss(broker)


def test_messages_in_hand_that_others_did_meanwhile_are_not_committed(broker: Broker) -> None:
    consumer = open_consumer(broker)
    assert poll_offsets(consumer, 2) == [0, 1]
    broker.committed, broker.generation = 8, 3
    assert poll_offsets(consumer) == [8, 9]
    with pytest.raises(LeaseLost):
        consumer.commit([cast("Any", None)])
    assert broker.committed == 8
    assert poll_offsets(consumer) == [8, 9]


def test_messages_in_hand_that_nobody_else_did_are_kept_over_a_generation(broker: Broker) -> None:
    consumer = open_consumer(broker)
    assert poll_offsets(consumer, 2) == [0, 1]
    broker.generation = 3
    assert poll_offsets(consumer) == list(range(2, END))
    consumer.commit([cast("Any", None)])
    assert broker.committed == END


def poll_after_an_error(broker: Broker) -> None:
    consumer = open_consumer(broker)
    broker.fails = fail_once(UnknownBrokerIdError("7"))
    with pytest.raises(ExternalServiceError):
        consumer.poll()
    assert poll_offsets(consumer) == list(range(END))


def test_what_the_library_had_fetched_when_it_failed_is_fetched_again(broker: Broker) -> None:
    poll_after_an_error(broker)


def test_mutant_that_goes_on_with_the_member_that_failed_is_found(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KafkaEventConsumer, "_leave", lambda _self: None)
    with pytest.raises(AssertionError):
        poll_after_an_error(broker)


def test_a_member_that_cannot_even_leave_is_replaced(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Member, **_how: object) -> None:
        self.is_closed = True
        raise KafkaError("not now")

    monkeypatch.setattr(Member, "close", refuse)
    poll_after_an_error(broker)


def test_a_reader_that_failed_is_replaced(broker: Broker) -> None:
    reader = open_reader(broker)
    broker.fails = fail_once(UnknownBrokerIdError("7"))
    with pytest.raises(ExternalServiceError):
        reader.read(PLACE.topic, 0, 0, 5)
    assert [message.offset for message in reader.read(PLACE.topic, 0, 0, 5)] == list(range(5))
    assert [member.is_closed for member in broker.members] == [False, True, False]  # of the ends, and two of pages
