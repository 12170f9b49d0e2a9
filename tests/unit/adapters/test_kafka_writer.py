"""A transaction whose messages did not all arrive is not committed, whatever the client library would do."""

from dataclasses import dataclass
from typing import Any, cast

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.structs import ConsumerGroupMetadata, TopicPartition

from tradeops.adapters.event_log_kafka import writer
from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.topics import BARS
from tradeops.ports.event_log import NewMessage

OUTPUTS = [NewMessage(topic=BARS.name, key=key, value=b"1") for key in "ABC"]
OFFSETS = {TopicPartition("raw", 0): 3}


@dataclass
class Sent:
    """What became of a message, as far as it is known."""

    outcome: KafkaTimeoutError | None = None

    def get(self, _timeout: float) -> None:
        if self.outcome:
            raise self.outcome


class Producer:
    """Lets the second batch expire while it is flushed, and commits all the same."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.did: list[str] = []
        self._sender = self

    def send(self, **_record: Any) -> Sent:
        self.sent.append(Sent())
        return self.sent[-1]

    def send_offsets_to_transaction(self, _offsets: object, _member: object) -> None:
        self.did.append("offsets")

    def flush(self) -> None:
        self.sent[1].outcome = KafkaTimeoutError("the batch expired")

    def commit_transaction(self) -> None:
        self.flush()
        self.did.append("commit")

    def init_transactions(self) -> None: ...

    def begin_transaction(self) -> None: ...

    def close(self, timeout: float) -> None:
        self.did.append("close")

    def force_close(self) -> None: ...


class Clients:
    address = KafkaAddress.parse("kafka://broker:9092")

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def open_producer(self, _transactional_id: str) -> Producer:
        return self._producer


def commit_with_a_batch_that_expires() -> None:
    producer = Producer()
    written = writer.KafkaWriter(cast("KafkaClients", Clients(producer)))
    with pytest.raises(ExternalServiceError, match="the batch expired"):
        written.commit(OUTPUTS, OFFSETS, ConsumerGroupMetadata("g"))
    assert producer.did == ["offsets", "close"]


def test_offsets_are_not_committed_without_an_output_that_expired() -> None:
    commit_with_a_batch_that_expires()


def test_mutant_that_looks_at_its_outputs_after_the_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit_first(producer: Any, records: Any, offsets: Any, member: Any) -> None:
        sent = [producer.send(**record) for record in records]
        producer.send_offsets_to_transaction(offsets, member)
        producer.commit_transaction()
        for future in sent:
            future.get(0)

    monkeypatch.setattr(writer, "_run", commit_first)
    with pytest.raises(AssertionError):
        commit_with_a_batch_that_expires()
