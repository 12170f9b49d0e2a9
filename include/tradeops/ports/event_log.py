"""Topics of ordered messages with consumers that share the work and dead-letter topics beside them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message before it has its place.

    Args:
        topic: A topic of the catalogue, or the dead-letter topic of one.
        key: Chooses the partition and orders messages among themselves.
        value: Its bytes.
        headers: Text by name.
    """

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the log; partition and offset are its address.

    Offsets of a partition ascend. They may have gaps, where a log keeps marks of its own or has dropped old messages.
    """

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]


class EventConsumer(Protocol):
    """One member of a consumer group, in one process and thread; closed with `with`."""

    def poll(self, limit: int = 1000) -> tuple[Message, ...]:
        """Next messages of the partitions that this member holds; none when it has seen all of them.

        Free partitions, and those of members whose lease has run out, are taken over here. Messages
        of a partition come in order; what was polled and not committed comes again after a restart.
        """
        ...

    def commit(self, outputs: Sequence[NewMessage] = ()) -> None:
        """Everything polled is done: `outputs` and the new offsets become durable together, or neither.

        Raises:
            LeaseLost: Another member took a partition over, or the log could not rule it out; nothing was written.
                Poll again.
            ExternalServiceError: It is not known whether it was written; poll again to find out.
        """
        ...

    def close(self) -> None:
        """Give the partitions back."""
        ...


class EventLog(Protocol):
    """The log. One object serves one thread of one process and is closed by its owner."""

    def append(self, messages: Sequence[NewMessage]) -> None:
        """Append all of them or none; durable when it returns.

        Raises:
            ConfigurationError: A topic is not in the catalogue.
            ExternalServiceError: It is not known whether they are appended. Whoever appends again may append them
                twice; readers drop a repeated event by its id.
        """
        ...

    def open_consumer(self, group: str, topics: Sequence[str]) -> AbstractContextManager[EventConsumer]:
        """A member of a group that reads each message of the topics once."""
        ...

    def read(self, topic: str, partition: int, offset: int, limit: int = 1000) -> tuple[Message, ...]:
        """Messages from `offset` on in order, for those who look and do not consume.

        Fewer than `limit` only when the partition has no more; an append that is under way is waited for.
        """
        ...

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Where each partition ends: every message appended before this call has a smaller offset.

        With gaps this counts nothing, and the offset before it need not be a message's.
        """
        ...

    def count_messages(self, topic: str) -> int:
        """How many messages the topic holds."""
        ...

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Offset from which a group reads on, by partition; 0 where it never committed.

        It has read everything when no message is left from there on, which is not to say that this is the end.
        """
        ...

    def hold(self, name: str, *, wait_seconds: float = 0.0) -> AbstractContextManager[None]:
        """Hold a named lease for as long as the block runs; a dead holder's lease is taken over.

        Args:
            name: What must not run twice at once.
            wait_seconds: How long to wait for another holder.

        Raises:
            LeaseHeld: A living process holds it (retryable).
        """
        ...
