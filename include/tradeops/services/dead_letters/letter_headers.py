"""Headers of letters, of what is appended behind them, and of messages that were sent again.

Everything of ours begins with one prefix, and no header of a message is mistaken for ours.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from tradeops.domain.dead_letters import MessageAddress
from tradeops.domain.errors import ConfigurationError
from tradeops.ports.event_log import Message

PREFIX = "dead_letter."
SOURCE = f"{PREFIX}source"
KIND = f"{PREFIX}kind"
ERROR_TYPE = f"{PREFIX}error_type"
ERROR_MESSAGE = f"{PREFIX}error_message"
STACK_DIGEST = f"{PREFIX}stack_digest"
LAST_AT = f"{PREFIX}last_at"
# A redriven message carries these, so that a letter that fails again goes on counting and keeps its turn.
ATTEMPTS = f"{PREFIX}attempts"
FIRST_AT = f"{PREFIX}first_at"
ORIGIN = f"{PREFIX}origin"
# Of a settlement: which letter, and for a discard who, why and when.
SETTLES = f"{PREFIX}settles"
PERSON = f"{PREFIX}person"
REASON = f"{PREFIX}reason"
SETTLED_AT = f"{PREFIX}settled_at"
# Of a mark: a person was told of everything before it.
TOLD = f"{PREFIX}told"

_KEPT = f"{PREFIX}kept."
_CARRIED = (ATTEMPTS, FIRST_AT, ORIGIN)
_COUNT = re.compile(r"[0-9]{1,9}")


def keep_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A message's own headers as a letter holds them."""
    return {
        _KEPT + name if name.startswith(PREFIX) else name: text
        for name, text in headers.items()
        if name not in _CARRIED
    }


def restore_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """A message's own headers from its letter."""
    return {
        name.removeprefix(_KEPT): text
        for name, text in headers.items()
        if name.startswith(_KEPT) or not name.startswith(PREFIX)
    }


def read_attempts(headers: Mapping[str, str]) -> int:
    """Attempts before a redrive; 0 also where a stranger wrote something else."""
    text = headers.get(ATTEMPTS, "0")
    return int(text) if _COUNT.fullmatch(text) else 0


def read_first_failure(headers: Mapping[str, str]) -> datetime | None:
    """When the message failed first, before a redrive."""
    try:
        return read_time(headers[FIRST_AT])
    except (KeyError, ValueError, OverflowError):
        return None


def find_address(message: Message) -> MessageAddress:
    """Where a message lies."""
    return MessageAddress(topic=message.topic, partition=message.partition, offset=message.offset)


def read_origin(message: Message) -> MessageAddress:
    """Where the message lay when it came in first, before any redrive."""
    place = find_address(message)
    try:
        origin = MessageAddress.parse(message.headers[ORIGIN])
    except (KeyError, ValueError, ConfigurationError):
        return place
    return min(origin, place) if origin.topic == place.topic else place


def read_time(text: str) -> datetime:
    """A time of a header.

    Raises:
        ValueError: It is none.
    """
    return datetime.fromisoformat(text).astimezone(UTC)
