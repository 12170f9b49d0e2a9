"""Reads letters, and what became of each."""

from collections.abc import Iterator, Mapping, Sequence

from tradeops.domain.dead_letters import DeadLetter, Discard, FailureKind, LetterFilter, LetterState, MessageAddress
from tradeops.domain.errors import CorruptInput, DataError, TradeOpsError, UnknownRecord
from tradeops.domain.topics import DEAD_LETTERS, TOPICS, Topic, find_topic
from tradeops.ports.event_log import EventLog, Message
from tradeops.services.dead_letters.letter_headers import (
    ATTEMPTS,
    ERROR_MESSAGE,
    ERROR_TYPE,
    FIRST_AT,
    KIND,
    LAST_AT,
    ORIGIN,
    PERSON,
    REASON,
    SETTLED_AT,
    SETTLES,
    SOURCE,
    STACK_DIGEST,
    TOLD,
    find_address,
    read_time,
    restore_headers,
)
from tradeops.services.read_log import read_forward

EVERY = LetterFilter()
OPEN = LetterFilter(states=frozenset({LetterState.OPEN}))

_Settlements = Mapping[str, Discard | None]


def list_dead_letters(
    log: EventLog, *, topic: str | None = None, wanted: LetterFilter = EVERY
) -> tuple[DeadLetter, ...]:
    """The letters by topic, partition and offset.

    Args:
        log: The event log.
        topic: Of one topic only; its own name or that of its dead-letter topic.
        wanted: Which of them.

    Raises:
        ConfigurationError: There is no such topic.
        CorruptInput: A message on a dead-letter topic is no letter.
    """
    topics = list(TOPICS.values()) if topic is None else [find_topic(topic)]
    messages = ((each, list(read_forward(log, each.dead_letters))) for each in topics)
    letters = (letter for each, found in messages for letter in read_letters(each, found))
    return tuple(letter for letter in letters if wanted.takes(letter))


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


def read_letters(topic: Topic, messages: Sequence[Message]) -> Iterator[DeadLetter]:
    """The letters among all messages of a dead-letter topic, with what is settled.

    Raises:
        CorruptInput: A message is no letter.
    """
    settled = _read_settlements(messages)
    for message in messages:
        if message.headers.keys().isdisjoint((SETTLES, TOLD)):
            yield _read_letter(topic, message, settled)


def _read_settlements(messages: Sequence[Message]) -> _Settlements:
    """By address: the last discard, or None once it was sent again, which nothing undoes."""
    settled: dict[str, Discard | None] = {}
    for message in messages:
        address = message.headers.get(SETTLES)
        if address is not None and settled.get(address, ...) is not None:
            settled[address] = _read_discard(message)
    return settled


def _read_discard(message: Message) -> Discard | None:
    headers = message.headers
    if PERSON not in headers:
        return None
    try:
        return Discard(person=headers[PERSON], reason=headers[REASON], at=read_time(headers[SETTLED_AT]))
    except (KeyError, ValueError, TradeOpsError) as error:
        raise CorruptInput(f"{find_address(message)} discards a letter wrongly: {error!r}") from error


def _read_letter(topic: Topic, message: Message, settled: _Settlements) -> DeadLetter:
    address, headers = find_address(message), message.headers
    try:
        return DeadLetter(
            topic=topic.name,
            address=address,
            source=MessageAddress.parse(headers[SOURCE]),
            # A letter of a release that did not carry it has only its source.
            origin=MessageAddress.parse(headers.get(ORIGIN, headers[SOURCE])),
            key=message.key,
            value=message.value,
            headers=restore_headers(headers),
            kind=_read_kind(headers),
            error_type=headers[ERROR_TYPE],
            message=headers[ERROR_MESSAGE],
            stack_digest=headers[STACK_DIGEST],
            attempts=int(headers[ATTEMPTS]),
            first_at=read_time(headers[FIRST_AT]),
            last_at=read_time(headers[LAST_AT]),
            state=_find_state(str(address), settled),
            discard=settled.get(str(address)),
        )
    except (KeyError, ValueError, DataError) as error:
        raise CorruptInput(f"{address} is no dead letter: {error!r}; `make_dead_letter` writes them") from error


def _read_kind(headers: Mapping[str, str]) -> FailureKind:
    if KIND in headers:
        return FailureKind(headers[KIND])
    # Written by a release that did not say it.
    invalid = headers[ERROR_TYPE] == "InvalidRecord"
    return FailureKind.SCHEMA_INVALID if invalid else FailureKind.HANDLER_FAILED


def _find_state(address: str, settled: _Settlements) -> LetterState:
    if address not in settled:
        return LetterState.OPEN
    return LetterState.REDRIVEN if settled[address] is None else LetterState.DISCARDED
