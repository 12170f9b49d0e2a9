"""Sends letters again once their cause is mended, or records that a person gives them up.

Letters never change and never go: what settles one is a message behind it that names it. A redrive appends it
together with the message itself, so that a letter is sent again once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tradeops.domain.canonical import to_plain
from tradeops.domain.dead_letters import DeadLetter, Discard, LetterFilter, LetterState, MessageAddress
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.topics import Topic, find_topic
from tradeops.ports.event_log import EventLog, NewMessage
from tradeops.services.dead_letters.letter_headers import (
    ATTEMPTS,
    FIRST_AT,
    ORIGIN,
    PERSON,
    REASON,
    SETTLED_AT,
    SETTLES,
)
from tradeops.services.dead_letters.read_letters import EVERY, OPEN, list_dead_letters

_WAIT_SECONDS = 30.0
_NOT_REDRIVEN = LetterFilter(states=frozenset({LetterState.OPEN, LetterState.DISCARDED}))


def redrive_dead_letters(
    log: EventLog, *, topic: str, wanted: LetterFilter = EVERY, dry_run: bool = False
) -> tuple[DeadLetter, ...]:
    """Send open letters of a topic again: the original bytes, each once, those of a key in the order they came in.

    Args:
        log: The event log.
        topic: Whose letters.
        wanted: Which of them. A discarded letter is sent only when its address is among them.
        dry_run: Append nothing.

    Returns:
        The letters that are, or with `dry_run` would be, sent again, in that order.

    Raises:
        ConfigurationError: There is no such topic.
        UnknownRecord: No letter of the topic lies at an address.
        LeaseHeld: Another process settles letters of this topic (retryable).
    """
    found = find_topic(topic)
    with _hold(log, found):
        able = _NOT_REDRIVEN if wanted.addresses else OPEN
        chosen = tuple(sorted(_choose(log, found, able, wanted), key=_find_turn))
        if chosen and not dry_run:
            log.append([message for letter in chosen for message in _send_again(letter)])
    return chosen


def discard_dead_letters(
    log: EventLog, discard: Discard, *, topic: str, wanted: LetterFilter = EVERY, dry_run: bool = False
) -> tuple[DeadLetter, ...]:
    """Record that open letters of a topic are given up; they stay, and only who names one sends it again.

    Args:
        log: The event log.
        discard: Who, why and when.
        topic: Whose letters.
        wanted: Which of them.
        dry_run: Append nothing.

    Returns:
        The letters that are, or with `dry_run` would be, given up.

    Raises:
        ConfigurationError: There is no such topic.
        UnknownRecord: No letter of the topic lies at an address.
        LeaseHeld: Another process settles letters of this topic (retryable).
    """
    found = find_topic(topic)
    signed = {PERSON: discard.person, REASON: discard.reason, SETTLED_AT: str(to_plain(discard.at))}
    with _hold(log, found):
        chosen = _choose(log, found, OPEN, wanted)
        if chosen and not dry_run:
            log.append([_settle(letter, **signed) for letter in chosen])
    return chosen


@contextmanager
def _hold(log: EventLog, topic: Topic) -> Iterator[None]:
    # Two that settle at once would both see the same open letters.
    with log.hold(f"redrive/{topic.name}", wait_seconds=_WAIT_SECONDS):
        yield


def _choose(log: EventLog, topic: Topic, able: LetterFilter, wanted: LetterFilter) -> tuple[DeadLetter, ...]:
    letters = list_dead_letters(log, topic=topic.name)
    missing = wanted.addresses - {letter.address for letter in letters}
    if missing:
        address = min(missing)
        raise UnknownRecord(f"no dead letter of {topic.name} lies at {address}", address=str(address))
    return tuple(letter for letter in letters if able.takes(letter) and wanted.takes(letter))


def _find_turn(letter: DeadLetter) -> tuple[MessageAddress, MessageAddress]:
    """Letters do not lie in the order of their messages: some fail at once, some after retries, some again."""
    return letter.origin, letter.source


def _send_again(letter: DeadLetter) -> tuple[NewMessage, NewMessage]:
    first_at = str(to_plain(letter.first_at))
    carried = {ATTEMPTS: str(letter.attempts), FIRST_AT: first_at, ORIGIN: str(letter.origin)}
    again = NewMessage(topic=letter.topic, key=letter.key, value=letter.value, headers={**letter.headers, **carried})
    return again, _settle(letter)


def _settle(letter: DeadLetter, **signed: str) -> NewMessage:
    return NewMessage(
        topic=letter.address.topic, key=letter.key, value=b"", headers={SETTLES: str(letter.address), **signed}
    )
