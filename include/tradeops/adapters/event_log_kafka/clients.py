"""Clients of the broker, configured in one place."""

import logging
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.adapters.event_log_kafka.probe import find_cause
from tradeops.domain.errors import ConfigurationError

Client = TypeVar("Client")

_LIBRARY = logging.getLogger("kafka")
_LIBRARY.addHandler(logging.NullHandler())

_BOOTSTRAP_S = 5.0
_REQUEST_S = 10.0
_HEARTBEATS = 10  # in a session
_MOST_BUSY_MS = 300_000  # between two polls of a living member
# A partition whose records arrive while the next fetch is being made is left out of it, and waits for it to end.
_FETCH_WAIT_MS = 10
_LINGER_MS = 5
_BATCH_BYTES = 131_072
# What a topic takes is the topic's affair; only the client's own limit of 1 MiB must not be the smaller one.
LARGEST_BYTES = 16 * 1024 * 1024


class _Secret(str):
    """Text that the client library's debug lines show as stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class KafkaClients:
    """Makes clients for one address in one process; who makes one closes it.

    Args:
        address: Where, as whom, how patient.
    """

    def __init__(self, address: KafkaAddress) -> None:
        self.address = address
        self._pid = os.getpid()
        # The library logs each failed attempt as several errors, and its settings when debugged. What counts is raised.
        _LIBRARY.propagate = False
        self._shared = self._list_shared()

    def check_process(self) -> None:
        """Refuse to go on in a child of the process that opened the log: the connections are its parent's.

        Raises:
            ConfigurationError: This is another process.
        """
        if os.getpid() != self._pid:
            raise ConfigurationError("an event log was opened before this process was forked; open it after the fork")

    def open_admin(self) -> KafkaAdminClient:
        """A client that makes and describes topics."""
        return self._open(KafkaAdminClient)

    def open_reader(self, isolation: str, group: str | None = None) -> KafkaConsumer:
        """A client that reads by address, or that looks at what a group committed."""
        return self._open(KafkaConsumer, **self._consuming(isolation), group_id=group)

    def open_member(
        self, group: str, topics: Sequence[str], listener: ConsumerRebalanceListener | None = None
    ) -> KafkaConsumer:
        """A member of a group, struck off after a session of silence; it joins at its first poll."""
        session_ms = self.address.session_s * 1000
        member = self._open(
            KafkaConsumer,
            **self._consuming("read_committed"),
            group_id=group,
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            session_timeout_ms=int(session_ms),
            heartbeat_interval_ms=max(100, int(session_ms / _HEARTBEATS)),
            max_poll_interval_ms=_MOST_BUSY_MS,
        )
        member.subscribe(topics=topics, listener=listener)
        # A leader that does not know a topic's partitions gives them to nobody; one that learns of them later joins
        # once more, and is lost when it hears the answer in another poll than the one that asked.
        member.topics()
        return member

    def open_producer(self, transactional_id: str | None) -> KafkaProducer:
        """An idempotent producer that asks for every replica's receipt."""
        patience_ms = int(self.address.patience_s * 1000)
        batching = {"linger_ms": 0}
        if transactional_id:
            batching = {"linger_ms": _LINGER_MS, "batch_size": _BATCH_BYTES}
        return self._open(
            KafkaProducer,
            acks="all",
            enable_idempotence=True,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(self.address.session_s * 1000),
            delivery_timeout_ms=patience_ms,
            max_block_ms=patience_ms,
            max_request_size=LARGEST_BYTES,
            metrics_enabled=False,
            **batching,
        )

    def _open(self, client: Callable[..., Client], **config: object) -> Client:
        self.check_process()
        try:
            return client(**self._shared, **config)
        except KafkaError as error:
            raise find_cause(self.address, error) from error

    def _consuming(self, isolation: str) -> dict[str, object]:
        return {
            "isolation_level": isolation,
            "fetch_max_wait_ms": _FETCH_WAIT_MS,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
        }

    def _list_shared(self) -> dict[str, Any]:
        address = self.address
        request_s = min(_REQUEST_S, address.patience_s - _LINGER_MS / 1000)
        shared: dict[str, Any] = {
            "bootstrap_servers": list(address.servers),
            "bootstrap_timeout_ms": int(min(_BOOTSTRAP_S, address.patience_s) * 1000),
            "request_timeout_ms": int(request_s * 1000),
            "reconnect_backoff_max_ms": 500,
            "retry_backoff_ms": 20,
            "security_protocol": ("SASL_" if address.user else "") + ("SSL" if address.encrypted else "PLAINTEXT"),
        }
        if address.encrypted:
            shared["ssl_context"] = _make_context(address.ca_file)
        if address.user and address.password:
            shared["sasl_mechanism"] = address.mechanism
            shared["sasl_plain_username"] = address.user
            shared["sasl_plain_password"] = _Secret(address.password)
        return shared


def _make_context(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is not None and not Path(ca_file).is_file():
        raise ConfigurationError(f"TRADEOPS_EVENT_LOG_URL: there is no ca_file {ca_file}", setting="event_log_url")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError(f"TRADEOPS_EVENT_LOG_URL: {ca_file} holds no certificate: {error}") from error
