"""Messages that could not be processed, kept with the reason and their original bytes."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from tradeops.domain.errors import ConfigurationError, DataError

_ADDRESS = re.compile(r"(?P<topic>[^/]+)/(?P<partition>[0-9]+)/(?P<offset>[0-9]+)")


class LetterState(StrEnum):
    """Whether a letter still waits for its cause to be mended."""

    OPEN = "open"
    REDRIVEN = "redriven"


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
class DeadLetter:
    """A message that could not be processed.

    Args:
        topic: Where it was read, and where a redrive sends it again.
        address: Of the letter, on the dead-letter topic.
        source: Of the message, on its topic.
        key: Of the message.
        value: Its original bytes.
        error_type: Name of the error.
        message: What it said.
        stack_digest: Equal for failures at the same place in the code.
        attempts: How often processing it was tried.
        first_at: When it failed first.
        last_at: When it failed last.
        state: Open until it is redriven.
    """

    topic: str
    address: MessageAddress
    source: MessageAddress
    key: str
    value: bytes
    error_type: str
    message: str
    stack_digest: str
    attempts: int
    first_at: datetime
    last_at: datetime
    state: LetterState

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first_at > self.last_at:
            raise DataError(
                f"dead letter {self.address}: {self.attempts} attempts from {self.first_at} to {self.last_at}; "
                "there is at least one, and the first is not after the last",
                address=str(self.address),
            )
