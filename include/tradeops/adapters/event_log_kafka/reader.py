"""Reads by address, without belonging to a group."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.structs import TopicPartition

from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.errors import explain_errors
from tradeops.adapters.event_log_kafka.records import read_record
from tradeops.domain.errors import ConfigurationError, ExternalServiceError
from tradeops.domain.topics import find_topic
from tradeops.ports.event_log import Message

_FETCH_MS = 100
_PAGE = 10_000


class KafkaReader:
    """Looks at partitions and at what groups committed.

    A message counts from the moment its append begins: readers wait for the end of a transaction rather than
    say that nothing is there.
    """

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._pages: KafkaConsumer | None = None
        self._ends: KafkaConsumer | None = None
        self._groups: dict[str, KafkaConsumer] = {}

    def read(self, topic: str, partition: int, offset: int, limit: int) -> tuple[Message, ...]:
        """Messages from an offset on, in order.

        Raises:
            ConfigurationError: The topic is not in the catalogue, or has no such partition.
            ExternalServiceError: A transaction of a dead producer holds the rest back (retryable).
        """
        place = self._find_place(topic, partition)
        end = self.find_ends([place])[place]
        found: list[Message] = []
        with explain_errors(self._clients.address, f"reading {topic}/{partition}"):
            pages = self._seek(place, offset)
            until = time.monotonic() + self._clients.address.patience_s
            while len(found) < limit and pages.position(place) < end:
                records = self._receive(pages, limit - len(found)).get(place, [])
                found += [read_record(topic, record) for record in records]
                if records:
                    until = time.monotonic() + self._clients.address.patience_s
                elif time.monotonic() > until:
                    raise hold_back(topic, partition)
        return tuple(found)

    def count_messages(self, topic: str) -> int:
        """How many messages a topic holds; all are read, as offsets have gaps."""
        total = 0
        for place, end in self.find_ends(self.list_places(topic)).items():
            offset = 0
            while offset < end and (page := self.read(topic, place.partition, offset, _PAGE)):
                total += len(page)
                offset = page[-1].offset + 1
        return total

    def find_ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where each partition ends, transactions that are not ended yet included."""
        with explain_errors(self._clients.address, "asking where partitions end"):
            if self._ends is None:
                self._ends = self._clients.open_reader("read_uncommitted")
            return _ask_ends(self._ends, list(places), self._clients.address.patience_s)

    def read_committed(self, group: str, topic: str) -> Mapping[int, int]:
        """What a group reads next, by partition; waits for the end of a transaction that changes it."""
        places = self.list_places(topic)
        timeout_ms = self._clients.address.patience_s * 1000
        with explain_errors(self._clients.address, f"asking what {group} committed"):
            if group not in self._groups:
                name = self._clients.address.name(group)
                self._groups[group] = self._clients.open_reader("read_committed", name)
            look = self._groups[group]
            return {place.partition: look.committed(place, timeout_ms=timeout_ms) or 0 for place in places}

    def list_places(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic by their names in the cluster.

        Raises:
            ConfigurationError: The topic is not in the catalogue.
        """
        name = self._clients.address.name(topic)
        return [TopicPartition(name, number) for number in range(find_topic(topic).partitions)]

    def close(self) -> None:
        """Give the connections back."""
        for client in (self._pages, self._ends, *self._groups.values()):
            if client is not None:
                client.close(autocommit=False)
        self._pages = self._ends = None
        self._groups = {}

    def _seek(self, place: TopicPartition, offset: int) -> KafkaConsumer:
        if self._pages is None:
            self._pages = self._clients.open_reader("read_committed")
        if self._pages.assignment() != {place}:
            self._pages.assign([place])
        self._pages.seek(place, offset)
        return self._pages

    def _receive(self, pages: KafkaConsumer, limit: int) -> Mapping[TopicPartition, Sequence[Any]]:
        try:
            received: Mapping[TopicPartition, Sequence[Any]] = pages.poll(_FETCH_MS, max_records=limit)
        except KafkaError:
            self._pages = None  # after a corrupt record it would poll for ever
            pages.close(autocommit=False)
            raise
        return received

    def _find_place(self, topic: str, partition: int) -> TopicPartition:
        places = self.list_places(topic)
        if not 0 <= partition < len(places):
            raise ConfigurationError(f"{topic} has partitions 0 to {len(places) - 1}, not {partition}", topic=topic)
        return places[partition]


def _ask_ends(client: KafkaConsumer, places: Sequence[TopicPartition], patience_s: float) -> dict[TopicPartition, int]:
    until = time.monotonic() + patience_s
    while True:
        try:
            ends: dict[TopicPartition, int] = client.end_offsets(places)
        except KeyError:
            # The library leaves out partitions whose leader it does not know yet, and fails on them afterwards.
            if time.monotonic() > until:
                raise KafkaTimeoutError("a partition has no leader") from None
            time.sleep(_FETCH_MS / 1000)
        else:
            return ends


def hold_back(topic: str, partition: int) -> ExternalServiceError:
    """The error for messages that a transaction without end hides."""
    return ExternalServiceError(
        f"a transaction of a producer that is gone holds {topic}/{partition} back; the broker ends it within its "
        "time limit, try again",
        topic=topic,
        partition=partition,
    )
