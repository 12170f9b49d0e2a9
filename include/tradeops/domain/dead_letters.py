"""Messages that could not be processed, kept with the reason and their original bytes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from tradeops.domain.errors import ConfigurationError, DataError

_ADDRESS = re.compile(r"(?P<topic>[^/]+)/(?P<partition>[0-9]+)/(?P<offset>[0-9]+)")
_REASON = re.compile(r"([a-z][a-z0-9_]*): ")


class FailureKind(StrEnum):
    """What stood in the way."""

    UNPARSEABLE = "unparseable"
    SCHEMA_INVALID = "schema_invalid"
    HANDLER_FAILED = "handler_failed"
    TIMED_OUT = "timed_out"


class LetterState(StrEnum):
    """Whether a letter still waits for its cause to be mended."""

    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MessageAddress:
    """Where a message lies in the event log; written `topic/partition/offset`."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` writes.

        Raises:
            ConfigurationError: The text is no address.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ConfigurationError(
                f"{text!r} is no address of a message; write it as market.bars.raw.dlq/0/12", text=text
            )
        return cls(topic=found["topic"], partition=int(found["partition"]), offset=int(found["offset"]))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """A person's word that a letter is not worth sending again; the letter stays where it is.

    Args:
        person: Who says so.
        reason: Why.
        at: When, aware UTC.
    """

    person: str
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        if not (self.person.strip() and self.reason.strip()):
            raise ConfigurationError("a letter is discarded by a person with a reason; name both")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be processed.

    Args:
        topic: Where it was read, and where a redrive sends it again.
        address: Of the letter, on the dead-letter topic.
        source: Of the message, on its topic.
        origin: Where it lay when it came in first; its source, until it is redriven.
        key: Of the message.
        value: Its original bytes.
        headers: Its own headers.
        kind: What stood in the way.
        error_type: Name of the error.
        message: What it said.
        stack_digest: Equal for failures at the same place in the code.
        attempts: How often processing it was tried.
        first_at: When it failed first.
        last_at: When it failed last.
        state: Open until it is redriven or discarded.
        discard: Who discarded it, and why, when it is discarded.
    """

    topic: str
    address: MessageAddress
    source: MessageAddress
    origin: MessageAddress
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: FailureKind
    error_type: str
    message: str
    stack_digest: str
    attempts: int
    first_at: datetime
    last_at: datetime
    state: LetterState
    discard: Discard | None = None

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_at > self.last_at:
            raise DataError(
                f"dead letter {self.address}: {self.attempts} attempts from {self.first_at} to {self.last_at}; "
                "there is at least one, and the first is not after the last",
                address=str(self.address),
            )
        if (self.state is LetterState.DISCARDED) != (self.discard is not None):
            raise DataError(f"dead letter {self.address} is {self.state}: a discard has a person and a reason")

    @property
    def reason(self) -> str:
        """The machine-readable word in front of the message, as `high_below_low`; else the error's name."""
        found = _REASON.match(self.message)
        return found[1] if found else self.error_type


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which letters are meant; what is None, or empty, leaves nothing out.

    Args:
        addresses: Only those that lie there.
        states: Only in one of these.
        kind: Only this one.
        error: Only those whose error has this name, or whose message begins with this reason.
        since: Only those that failed last at this moment or later.
        until: Only those that failed last before this moment.
    """

    addresses: frozenset[MessageAddress] = frozenset()
    states: frozenset[LetterState] = frozenset()
    kind: FailureKind | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant."""
        return (
            (not self.addresses or letter.address in self.addresses)
            and (not self.states or letter.state in self.states)
            and self.kind in (None, letter.kind)
            and self.error in (None, letter.error_type, letter.reason)
            and (self.since is None or letter.last_at >= self.since)
            and (self.until is None or letter.last_at < self.until)
        )
