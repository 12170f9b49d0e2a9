"""`EventLog` on Apache Kafka."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.consumer import KafkaEventConsumer, LogParts
from tradeops.adapters.event_log_kafka.holds import hold_lease
from tradeops.adapters.event_log_kafka.reader import KafkaReader
from tradeops.adapters.event_log_kafka.topics import prepare_topics
from tradeops.adapters.event_log_kafka.writer import KafkaWriter
from tradeops.domain.topics import find_topic
from tradeops.ports.event_log import Message, NewMessage


class KafkaEventLog:
    """`EventLog` on the topics of a cluster; those that are missing are made.

    Processes and machines share the cluster, each opens it after its fork. An object serves one thread; the
    client library keeps a thread of its own for each connection's heartbeats. Nothing beyond the protocol of
    Kafka 2.5 is used.

    Args:
        address: Where, as whom, how patient.

    Raises:
        ConfigurationError: The address, the credentials or the topics found do not fit.
        ExternalServiceError: The broker does not answer (retryable).
    """

    def __init__(self, address: KafkaAddress) -> None:
        self._clients = KafkaClients(address)
        prepare_topics(self._clients)
        self._reader = KafkaReader(self._clients)
        self._writer = KafkaWriter(self._clients)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._writer.close()
        self._reader.close()

    def append(self, messages: Sequence[NewMessage]) -> None:
        """Append all of them or none; durable when it returns; see the port.

        Raises:
            ConfigurationError: A topic is not in the catalogue.
            ExternalServiceError: It is not known whether they are written (retryable): readers drop repeated
                events by their id.
        """
        self._clients.check_process()
        self._writer.append(messages)

    def open_consumer(self, group: str, topics: Sequence[str]) -> KafkaEventConsumer:
        """A member of a group; it joins at its first poll. See the port."""
        self._clients.check_process()
        for topic in topics:
            find_topic(topic)
        parts = LogParts(clients=self._clients, reader=self._reader, writer=self._writer)
        return KafkaEventConsumer(parts, group, topics)

    def read(self, topic: str, partition: int, offset: int, limit: int = 1000) -> tuple[Message, ...]:
        """Messages from `offset` on; see the port."""
        self._clients.check_process()
        return self._reader.read(topic, partition, offset, limit)

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Where each partition ends; see the port."""
        self._clients.check_process()
        ends = self._reader.find_ends(self._reader.list_places(topic))
        return {place.partition: end for place, end in ends.items()}

    def count_messages(self, topic: str) -> int:
        """How many messages a topic holds; see the port."""
        self._clients.check_process()
        return self._reader.count_messages(topic)

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Offset that a group reads next, by partition; see the port."""
        self._clients.check_process()
        return self._reader.read_committed(group, topic)

    def hold(self, name: str, *, wait_seconds: float = 0.0) -> AbstractContextManager[None]:
        """Hold a named lease for as long as the block runs; see the port."""
        self._clients.check_process()
        return hold_lease(self._clients, name, wait_seconds)
