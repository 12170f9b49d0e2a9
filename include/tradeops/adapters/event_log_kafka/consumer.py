"""One member of a consumer group."""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import ConsumerGroupMetadata, MemberState, TopicPartition

from tradeops.adapters.event_log_kafka.clients import KafkaClients
from tradeops.adapters.event_log_kafka.errors import explain_errors
from tradeops.adapters.event_log_kafka.reader import KafkaReader, hold_back
from tradeops.adapters.event_log_kafka.records import read_record
from tradeops.adapters.event_log_kafka.writer import MOVED_ON, KafkaWriter, make_offsets
from tradeops.domain.errors import LeaseLost, TradeOpsError
from tradeops.ports.event_log import Message, NewMessage

_PAGE = 1000
# What comes while the ends of the partitions are asked for waits for their answer: they are not asked for between two
# events of a stream, only when nothing came for so long.
_GLANCE_MS, _FETCH_MS = 25, 50
_REBALANCE_S = 1.0
_LEAVE_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogParts:
    """What a consumer shares with the log that opened it: same thread, same connections."""

    clients: KafkaClients
    reader: KafkaReader
    writer: KafkaWriter


class KafkaEventConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """`EventConsumer` on a cooperative consumer group; one thread of one process.

    Every commit names the generation of the group under which the messages were polled, so that the broker refuses a
    member that was struck off or lost partitions meanwhile; with outputs it is a transaction.
    """

    def __init__(self, parts: LogParts, group: str, topics: Sequence[str]) -> None:
        self._parts = parts
        self._group = group
        self._topics = {parts.clients.address.name(topic): topic for topic in topics}
        self._joined: KafkaConsumer | None = None
        self._fetched: dict[TopicPartition, deque[Any]] = {}
        self._given: dict[TopicPartition, int] = {}
        self._known: dict[TopicPartition, int | None] = {}
        self._member: ConsumerGroupMetadata | None = None
        self._lost = False
        self._must_rewind = False
        self._restless_since: float | None = None
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def poll(self, limit: int = 1000) -> tuple[Message, ...]:
        """Next messages of this member's partitions, which take turns at coming first; see the port.

        Raises:
            ExternalServiceError: The broker does not answer, or a transaction holds messages back (retryable).
        """
        with explain_errors(self._parts.clients.address, f"polling as {self._group}"):
            member = self._join()
            if self._must_rewind:
                self._parts.writer.settle()
                self._rewind(member)
                self._must_rewind = self._lost = False
            self._fetch(member, limit)
            return self._hand_out(limit)

    def commit(self, outputs: Sequence[NewMessage] = ()) -> None:
        """Outputs and offsets in one transaction; see the port.

        Raises:
            LeaseLost: Another member took a partition over, or may have; nothing was written by this call.
            ExternalServiceError: It is not known whether it was written (retryable); poll again to find out.
        """
        if self._lost or self._must_rewind:
            self._lost, self._must_rewind = False, True
            raise LeaseLost(f"what was polled may be another member's of {self._group} now; poll again")
        if not self._given:
            self._parts.writer.append(outputs)
            return
        try:
            if outputs:
                self._parts.writer.commit(outputs, self._given, self._member)
            else:
                self._commit_offsets()
        except TradeOpsError as error:
            self._must_rewind = isinstance(error, LeaseLost) or error.retryable
            raise
        self._known |= self._given
        self._given = {}

    def close(self) -> None:
        """Leave the group, so that its other members get the partitions at once."""
        with explain_errors(self._parts.clients.address, f"leaving {self._group}"):
            self._leave()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called within `poll`: these are another member's from now on."""
        for place in revoked:
            self._fetched.pop(place, None)
            if self._given.pop(place, None) is not None:
                self._lost = True

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Called within `poll`: this member was struck off."""
        self.on_partitions_revoked(lost)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called within `poll`: reading begins at the group's offset."""

    def _commit_offsets(self) -> None:
        address, offsets = self._parts.clients.address, make_offsets(self._given)
        with explain_errors(address, f"committing offsets as {self._group}"):
            try:
                self._join().commit(offsets, timeout_ms=address.patience_s * 1000)
            except MOVED_ON as error:
                raise LeaseLost(f"the group {self._group} moved on; poll again") from error

    def _join(self) -> KafkaConsumer:
        if self._joined is None:
            clients = self._parts.clients
            self._joined = clients.open_member(clients.address.name(self._group), list(self._topics), self)
        return self._joined

    def _leave(self) -> None:
        member, self._joined, self._member, self._known = self._joined, None, None, {}
        self.on_partitions_revoked([*self._fetched, *self._given])
        self._restless_since = None
        if member is not None:
            # An answer that the broker holds back until others join would be waited for.
            member.close(autocommit=False, timeout_ms=_LEAVE_MS)

    def _rewind(self, member: KafkaConsumer) -> None:
        """Go back to what the group committed."""
        self._known = self._look_up(member)
        self._fetched, self._given = {}, {}
        self._go_to(member, self._known)

    def _look_up(self, member: KafkaConsumer) -> dict[TopicPartition, int | None]:
        timeout_ms = self._parts.clients.address.patience_s * 1000
        return {place: member.committed(place, timeout_ms=timeout_ms) for place in member.assignment()}

    def _go_to(self, member: KafkaConsumer, offsets: Mapping[TopicPartition, int | None]) -> None:
        self.on_partitions_revoked(offsets.keys())
        for place, offset in offsets.items():
            if offset is None:
                member.seek_to_beginning(place)
            else:
                member.seek(place, offset)

    def _fetch(self, member: KafkaConsumer, limit: int) -> None:
        """Get messages, or know that there are none; rebalances happen in here."""
        started, timeout_ms = time.monotonic(), _GLANCE_MS
        ends: dict[TopicPartition, int] = {}
        while True:
            self._receive(member, limit, timeout_ms)
            waited = time.monotonic() - started
            unsettled = self._measure_unrest(member)
            if any(self._fetched.values()) and (not unsettled or waited > _REBALANCE_S):
                return
            if not unsettled:
                places = member.assignment()
                if ends.keys() != places:
                    ends = self._parts.reader.find_ends(places)
                late = self._list_late(member, ends)
                if not late:
                    return
                if waited > self._parts.clients.address.patience_s:
                    raise hold_back(self._topics[late[0].topic], late[0].partition)
            elif unsettled > self._parts.clients.address.session_s + _REBALANCE_S:
                # Others are busy, or this member is stuck in a join: it begins anew with the next poll.
                self._leave()
                return
            timeout_ms = _FETCH_MS

    def _receive(self, member: KafkaConsumer, limit: int, timeout_ms: int) -> None:
        stock = sum(map(len, self._fetched.values()))
        if stock >= max(limit, 1):  # enough: only attend to the group
            member.pause(*member.assignment())
        try:
            received = member.poll(timeout_ms, max_records=max(limit, _PAGE))
        except KafkaError:
            # What it had fetched is gone and its positions are past it; after a corrupt record it would poll for ever.
            with suppress(KafkaError):
                self._leave()
            raise
        for place, records in received.items():
            self._fetched.setdefault(place, deque()).extend(records)
        member.resume(*member.paused())

    def _measure_unrest(self, member: KafkaConsumer) -> float:
        """Seconds since this member knew its share; 0 when it does."""
        state = member.group_metadata()
        if state.state == MemberState.STABLE:
            self._restless_since = None
            self._enter(member, state)
            return 0.0
        self._restless_since = self._restless_since or time.monotonic()
        return max(time.monotonic() - self._restless_since, 1e-9)

    def _enter(self, member: KafkaConsumer, generation: ConsumerGroupMetadata) -> None:
        """Begin a generation: where others went on it follows them, as the library does not tell of every loss."""
        if generation != self._member:
            known = self._look_up(member)
            self.on_partitions_revoked((self._fetched.keys() | self._given.keys()) - known.keys())
            self._go_to(member, {place: at for place, at in known.items() if self._known.get(place, at) != at})
            self._known = known
        self._member = generation

    def _list_late(self, member: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        timeout_ms = self._parts.clients.address.patience_s * 1000
        return [place for place, end in ends.items() if (member.position(place, timeout_ms) or 0) < end]

    def _hand_out(self, limit: int) -> tuple[Message, ...]:
        self._turn += 1
        places = sorted(place for place, records in self._fetched.items() if records)
        first = self._turn % len(places) if places else 0
        found: list[Message] = []
        for place in places[first:] + places[:first]:
            records = self._fetched[place]
            for _ in range(min(limit - len(found), len(records))):
                found.append(read_record(self._topics[place.topic], records.popleft()))
                self._given[place] = found[-1].offset + 1
        return tuple(found)
