"""Keeps what cannot be processed, shows it, and sends it again once its cause is mended.

A letter lies on the dead-letter topic of its message's topic: its value is the message's original bytes, the rest is
in headers. Letters never change; a redrive appends a *settlement* that names the letter, in the same append as the
message itself, so that a letter is sent again once.
"""

import hashlib
import traceback
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePath

from tradeops.domain.canonical import to_plain
from tradeops.domain.dead_letters import DeadLetter, LetterState, MessageAddress
from tradeops.domain.errors import CorruptInput, DataError, UnknownRecord
from tradeops.domain.topics import DEAD_LETTERS, TOPICS, Topic, find_topic
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.read_log import read_forward

PREFIX = "dead_letter."
SOURCE = f"{PREFIX}source"
ERROR_TYPE = f"{PREFIX}error_type"
ERROR_MESSAGE = f"{PREFIX}error_message"
STACK_DIGEST = f"{PREFIX}stack_digest"
LAST_AT = f"{PREFIX}last_at"
SETTLES = f"{PREFIX}settles"
# A redriven message carries these two, so that a letter that fails again goes on counting.
ATTEMPTS = f"{PREFIX}attempts"
FIRST_AT = f"{PREFIX}first_at"

_WAIT_SECONDS = 30.0


def make_dead_letter(message: Message, error: Exception, *, at: datetime, attempts: int = 1) -> NewMessage:
    """The letter of a message that failed; append it, or hand it to `EventConsumer.commit`.

    Args:
        message: As it was read; its own headers are kept.
        error: Why it failed.
        at: When, aware UTC.
        attempts: How often it was tried now; the attempts before a redrive are added from its headers.
    """
    text = to_plain(at)
    ours = {
        SOURCE: f"{message.topic}/{message.partition}/{message.offset}",
        ERROR_TYPE: type(error).__name__,
        ERROR_MESSAGE: str(error),
        STACK_DIGEST: digest_stack(error),
        LAST_AT: str(text),
        FIRST_AT: message.headers.get(FIRST_AT, str(text)),
        ATTEMPTS: str(int(message.headers.get(ATTEMPTS, "0")) + attempts),
    }
    return NewMessage(
        topic=find_topic(message.topic).dead_letters,
        key=message.key,
        value=message.value,
        headers={**message.headers, **ours},
    )


def digest_stack(error: Exception) -> str:
    """16 hex digits over the error's type and the functions it came through: the same on every machine."""
    frames = [f"{PurePath(frame.filename).name}:{frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return hashlib.sha256("\n".join([type(error).__qualname__, *frames]).encode()).hexdigest()[:16]


def list_dead_letters(
    log: EventLog, *, topic: str | None = None, state: LetterState | None = None
) -> tuple[DeadLetter, ...]:
    """The letters by topic, partition and offset.

    Args:
        log: The event log.
        topic: Of one topic only; its own name or that of its dead-letter topic.
        state: Of one state only.

    Raises:
        ConfigurationError: There is no such topic.
        CorruptInput: A message on a dead-letter topic is no letter.
    """
    topics = list(TOPICS.values()) if topic is None else [find_topic(topic)]
    letters = [letter for each in topics for letter in _read_letters(log, each)]
    return tuple(letter for letter in letters if state in (None, letter.state))


def find_dead_letter(log: EventLog, address: MessageAddress) -> DeadLetter:
    """The letter at an address.

    Raises:
        ConfigurationError: There is no such topic.
        UnknownRecord: No letter lies there.
    """
    if address.topic.endswith(DEAD_LETTERS):
        for letter in list_dead_letters(log, topic=address.topic):
            if letter.address == address:
                return letter
    raise UnknownRecord(f"no dead letter lies at {address}; `tradeops dlq list` shows all", address=str(address))


def redrive_dead_letters(
    log: EventLog, *, topic: str, addresses: Collection[MessageAddress] | None = None, dry_run: bool = False
) -> tuple[DeadLetter, ...]:
    """Send open letters of a topic again: the original bytes, in the order of their keys, once.

    Args:
        log: The event log.
        topic: Whose letters.
        addresses: Only these; those that are redriven already are left out. None takes all that are open.
        dry_run: Append nothing.

    Returns:
        The letters that are, or with `dry_run` would be, sent again.

    Raises:
        ConfigurationError: There is no such topic.
        UnknownRecord: No letter of the topic lies at an address.
        LeaseHeld: Another process redrives this topic (retryable).
    """
    found = find_topic(topic)
    # Two that redrive at once would both see the same open letters.
    with log.hold(f"redrive/{found.name}", wait_seconds=_WAIT_SECONDS):
        letters = {letter.address: letter for letter in list_dead_letters(log, topic=found.name)}
        for address in addresses or ():
            if address not in letters:
                raise UnknownRecord(f"no dead letter of {found.name} lies at {address}", address=str(address))
        chosen = tuple(
            letter
            for address, letter in letters.items()
            if letter.state is LetterState.OPEN and (addresses is None or address in addresses)
        )
        if chosen and not dry_run:
            log.append([message for letter in chosen for message in _send_again(log, letter)])
    return chosen


def _send_again(log: EventLog, letter: DeadLetter) -> tuple[NewMessage, NewMessage]:
    (kept,) = log.read(letter.address.topic, letter.address.partition, letter.address.offset, 1)
    own = {name: text for name, text in kept.headers.items() if not name.startswith(PREFIX)}
    carried = {ATTEMPTS: kept.headers[ATTEMPTS], FIRST_AT: kept.headers[FIRST_AT]}
    again = NewMessage(topic=letter.topic, key=letter.key, value=letter.value, headers={**own, **carried})
    settlement = NewMessage(
        topic=letter.address.topic, key=letter.key, value=b"", headers={SETTLES: str(letter.address)}
    )
    return again, settlement


def _read_letters(log: EventLog, topic: Topic) -> Iterator[DeadLetter]:
    messages = list(read_forward(log, topic.dead_letters))
    settled = {message.headers[SETTLES] for message in messages if SETTLES in message.headers}
    for message in messages:
        if SETTLES not in message.headers:
            yield _read_letter(topic, message, settled)


def _read_letter(topic: Topic, message: Message, settled: Collection[str]) -> DeadLetter:
    address = MessageAddress(topic=message.topic, partition=message.partition, offset=message.offset)
    headers: Mapping[str, str] = message.headers
    try:
        return DeadLetter(
            topic=topic.name,
            address=address,
            source=MessageAddress.parse(headers[SOURCE]),
            key=message.key,
            value=message.value,
            error_type=headers[ERROR_TYPE],
            message=headers[ERROR_MESSAGE],
            stack_digest=headers[STACK_DIGEST],
            attempts=int(headers[ATTEMPTS]),
            first_at=_read_time(headers[FIRST_AT]),
            last_at=_read_time(headers[LAST_AT]),
            state=LetterState.REDRIVEN if str(address) in settled else LetterState.OPEN,
        )
    except (KeyError, ValueError, DataError) as error:
        raise CorruptInput(f"{address} is no dead letter: {error!r}; `make_dead_letter` writes them") from error


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
