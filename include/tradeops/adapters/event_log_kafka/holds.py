"""Named leases: what must not run twice at once.

A lease is the one partition of an empty topic, read by a group of its own: who is assigned it holds the lease.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import MemberState

from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.errors import explain_errors
from tradeops.adapters.event_log_kafka.topics import LEASES
from tradeops.domain.errors import LeaseHeld

_LOG = logging.getLogger(__name__)
_POLL_MS = 50
_LEAVE_MS = 1000
_MARGIN_S = 2.0


@contextmanager
def hold_lease(clients: KafkaClients, name: str, wait_seconds: float) -> Iterator[None]:
    """Hold a lease for as long as the block runs.

    A holder that died, or was silent for a session, loses it when the session ends. One that is only asked to
    take part in a rebalance keeps it: partitions stay where they are.

    Raises:
        LeaseHeld: A living process holds it for longer than `wait_seconds`.
        ExternalServiceError: The broker does not answer (retryable).
    """
    with explain_errors(clients.address, f"taking the lease {name}"):
        member = clients.open_member(clients.address.name(f"hold.{name}"), [clients.address.name(LEASES)])
        try:
            _wait(clients, member, name, wait_seconds)
        except BaseException:
            member.close(autocommit=False, timeout_ms=_LEAVE_MS)
            raise
    released = threading.Event()
    attendance = threading.Thread(target=_attend, args=(member, name, released), name=f"hold {name}", daemon=True)
    attendance.start()
    try:
        yield
    finally:
        released.set()
        attendance.join()
        member.close(autocommit=False, timeout_ms=_LEAVE_MS)


def _wait(clients: KafkaClients, member: KafkaConsumer, name: str, wait_seconds: float) -> None:
    started = time.monotonic()
    while not member.assignment():
        member.poll(_POLL_MS)
        waited = time.monotonic() - started
        # A dead holder is struck off when its session ends; until then nobody can join.
        knows = member.group_metadata().state == MemberState.STABLE
        limit = wait_seconds if knows else max(wait_seconds, clients.address.session_s + _MARGIN_S)
        if not member.assignment() and waited >= limit:
            raise LeaseHeld(f"{name} is held by another process; wait for it", name=name)


def _attend(member: KafkaConsumer, name: str, released: threading.Event) -> None:
    """Take part in the rebalances that others cause by asking for the lease."""
    while not released.is_set():
        try:
            member.poll(_POLL_MS)
        except KafkaError as error:
            _LOG.warning("the lease %s could not be attended to, it is tried again: %r", name, error)
            released.wait(_POLL_MS / 1000)
