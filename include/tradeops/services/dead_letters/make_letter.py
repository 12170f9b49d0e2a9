"""Writes the letter of a message that failed."""

import hashlib
import traceback
from datetime import datetime
from pathlib import PurePath

from tradeops.domain.canonical import to_plain
from tradeops.domain.dead_letters import FailureKind
from tradeops.domain.errors import ConfigurationError, InvalidRecord
from tradeops.domain.event_schemas.strict_json import REASONS as UNPARSEABLE
from tradeops.domain.topics import find_topic
from tradeops.ports.event_log import Message, NewMessage
from tradeops.services.dead_letters.letter_headers import (
    ATTEMPTS,
    ERROR_MESSAGE,
    ERROR_TYPE,
    FIRST_AT,
    KIND,
    LAST_AT,
    ORIGIN,
    SOURCE,
    STACK_DIGEST,
    find_address,
    keep_headers,
    read_attempts,
    read_first_failure,
    read_origin,
)

# A broker bounds messages; the bytes of the message itself have to fit beside it.
_LONGEST_MESSAGE = 2000


def make_dead_letter(
    message: Message, error: Exception, *, at: datetime, attempts: int = 1, first_at: datetime | None = None
) -> NewMessage:
    """The letter of a message that failed; append it, or hand it to `EventConsumer.commit`.

    Args:
        message: As it was read; its own headers are kept.
        error: Why it failed.
        at: When it failed last, aware UTC.
        attempts: How often it was tried now; the attempts before a redrive are added from its headers.
        first_at: When it failed first of these; that of before a redrive is older. A clock that was
            set back never puts it after the last.
    """
    failures = [moment for moment in (at, first_at, read_first_failure(message.headers)) if moment is not None]
    ours = {
        SOURCE: str(find_address(message)),
        ORIGIN: str(read_origin(message)),
        KIND: find_kind(error).value,
        ERROR_TYPE: type(error).__name__,
        ERROR_MESSAGE: _shorten(str(error)),
        STACK_DIGEST: digest_stack(error),
        LAST_AT: str(to_plain(at)),
        FIRST_AT: str(to_plain(min(failures))),
        ATTEMPTS: str(read_attempts(message.headers) + attempts),
    }
    return NewMessage(
        topic=find_topic(message.topic).dead_letters,
        key=message.key,
        value=message.value,
        headers={**keep_headers(message.headers), **ours},
    )


def find_kind(error: Exception) -> FailureKind:
    """What stood in the way: a time limit, also where it is only the cause; the bytes; the schema; or our own code."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return FailureKind.TIMED_OUT
        cause = cause.__cause__
    if isinstance(error, InvalidRecord):
        is_noise = error.context.get("reason") in UNPARSEABLE
        return FailureKind.UNPARSEABLE if is_noise else FailureKind.SCHEMA_INVALID
    return FailureKind.HANDLER_FAILED


def is_of_message(error: Exception) -> bool:
    """Whether work failed on account of its message: not of what comes back, of a setting, or of the machine."""
    if isinstance(error, TimeoutError):
        return True
    elsewhere = getattr(error, "retryable", False) or isinstance(error, (ConfigurationError, MemoryError, OSError))
    return not elsewhere


def digest_stack(error: Exception) -> str:
    """16 hex digits over the error's type and the functions it came through: the same on every machine."""
    frames = [f"{PurePath(frame.filename).name}:{frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return hashlib.sha256("\n".join([type(error).__qualname__, *frames]).encode()).hexdigest()[:16]


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"
