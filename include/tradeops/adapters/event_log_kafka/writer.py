"""Appends batches whole: one message by an idempotent producer, several, or any with offsets, in a transaction."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from kafka import KafkaProducer
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata, TopicPartition

from tradeops.adapters.event_log_kafka.bounded import call_within
from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.errors import explain_errors
from tradeops.adapters.event_log_kafka.records import make_record
from tradeops.domain.errors import LeaseLost
from tradeops.ports.event_log import NewMessage

_LOG = logging.getLogger(__name__)
# What the broker, or the client library for it, says to a member whose group has moved on.
MOVED_ON = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)

_CLOSE_S = 1.0
_NOTHING: Mapping[TopicPartition, int] = {}

Record = dict[str, Any]


class KafkaWriter:
    """Holds two producers, made when they are needed first.

    A producer that failed is given up: after an outcome that is not known the client library's may never deliver again,
    and after a refusal it would commit the refused offsets with its next transaction.
    Its successor has the same transactional id: making it ends what the old one left open, this way or that.
    """

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._transactional_id = clients.address.name(f"writer.{uuid4().hex}")
        self._lone: KafkaProducer | None = None
        self._transacting: KafkaProducer | None = None

    def append(self, messages: Sequence[NewMessage]) -> None:
        """Append all or none; durable on every replica in step when it returns.

        Raises:
            ConfigurationError: A topic is not in the catalogue, or the broker forbids it; nothing is written.
            ExternalServiceError: It is not known whether they are written (retryable).
        """
        records = [make_record(self._clients.address, message) for message in messages]
        if len(records) == 1:
            self._send(records[0])
        elif records:
            self._transact(records)

    def commit(
        self, outputs: Sequence[NewMessage], offsets: Mapping[TopicPartition, int], member: ConsumerGroupMetadata
    ) -> None:
        """Outputs and a group's offsets in one transaction.

        Args:
            outputs: Messages to append.
            offsets: What the group reads next.
            member: Who says so; the broker refuses it when the group has moved on.

        Raises:
            LeaseLost: The broker refused it; nothing is written.
            ConfigurationError: A topic is not in the catalogue; nothing is written.
            ExternalServiceError: It is not known whether they are written (retryable).
        """
        self._transact([make_record(self._clients.address, output) for output in outputs], offsets, member)

    def settle(self) -> None:
        """End what a producer that was given up may have left open."""
        with explain_errors(self._clients.address, "ending a transaction"):
            self._find_transacting()

    def close(self) -> None:
        """Give the connections back."""
        for producer in (self._lone, self._transacting):
            _close(producer)
        self._lone = self._transacting = None

    def _send(self, record: Record) -> None:
        with explain_errors(self._clients.address, "appending a message"):
            if self._lone is None:
                self._lone = self._clients.open_producer(None)
            try:
                self._lone.send(**record).get(self._clients.address.patience_s)
            except KafkaError:
                _close(self._lone)
                self._lone = None
                raise

    def _transact(
        self,
        records: Sequence[Record],
        offsets: Mapping[TopicPartition, int] = _NOTHING,
        member: ConsumerGroupMetadata | None = None,
    ) -> None:
        with explain_errors(self._clients.address, f"appending {len(records)} messages"):
            producer = self._find_transacting()
            try:
                call_within(self._clients.address.patience_s, lambda: _run(producer, records, offsets, member))
            except MOVED_ON as error:
                self._abort(producer)
                self._give_up(producer)
                raise LeaseLost("the group moved on: another member has its partitions; poll again") from error
            except (KafkaError, TimeoutError):
                self._give_up(producer)
                raise

    def _find_transacting(self) -> KafkaProducer:
        if self._transacting is None:
            producer = self._clients.open_producer(self._transactional_id)
            try:
                call_within(self._clients.address.patience_s, producer.init_transactions)
            except (KafkaError, TimeoutError):
                _close(producer)
                raise
            self._transacting = producer
        return self._transacting

    def _abort(self, producer: KafkaProducer) -> None:
        try:
            call_within(self._clients.address.patience_s, producer.abort_transaction)
        except (KafkaError, TimeoutError) as error:
            _LOG.warning("a transaction was not aborted, its producer's successor does it: %r", error)

    def _give_up(self, producer: KafkaProducer) -> None:
        _close(producer)
        self._transacting = None


def make_offsets(offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """Offsets as the client library takes them."""
    return {place: OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}


def _run(
    producer: KafkaProducer,
    records: Sequence[Record],
    offsets: Mapping[TopicPartition, int],
    member: ConsumerGroupMetadata | None,
) -> None:
    producer.begin_transaction()
    sent = [producer.send(**record) for record in records]
    if offsets:
        producer.send_offsets_to_transaction(make_offsets(offsets), member)
    # The library commits a transaction of which a batch expired: asked after it, the offsets would stand without that.
    producer.flush()
    for future in sent:
        future.get(0)
    producer.commit_transaction()


def _close(producer: KafkaProducer | None) -> None:
    if producer is not None:
        with suppress(KafkaTimeoutError):
            producer.close(timeout=_CLOSE_S)
        # A producer that cannot flush refuses to be closed, and would keep its thread for ever.
        producer._sender.force_close()
