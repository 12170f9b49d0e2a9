"""Answers the events that wait, newest session first in rank: what is older than it can be skipped."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol, cast

from tradeops.domain.claims import InboxKey
from tradeops.domain.errors import AttemptFailed, DataError, InvalidRecord
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.events import SessionFeatures
from tradeops.domain.topics import FEATURES
from tradeops.ports.event_log import EventConsumer, EventLog, Message, NewMessage
from tradeops.services.dead_letters import is_of_message, make_dead_letter

GROUP = "decide"
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """An event that asks for the decisions of a session.

    Args:
        session: Whose features are there.
        event_id: Of the event.
        superseded: Newer sessions wait already, as many as may: this one is to be skipped.
    """

    session: date
    event_id: str
    superseded: bool = False

    def name_for(self, consumer: str) -> InboxKey:
        """The key under which its effect on a consumer is recorded."""
        return InboxKey(consumer=consumer, topic=FEATURES.name, event_id=self.event_id)


class AnswerEvent(Protocol):
    """Decides what an event asks for, on every book; harmless when repeated."""

    def __call__(self, event: SessionEvent) -> None:
        """Answer one event."""
        ...


class Failures(NamedTuple):
    """How often a message failed, and when first."""

    times: int
    first_at: datetime


Attempts = dict[tuple[str, int, int], Failures]
"""Failures of messages that are tried again, by place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainCounts:
    """What became of the messages: answered, of those superseded, and dead letters."""

    answered: int = 0
    superseded: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDrain:
    """How events are answered; belongs to one process, whose failures it counts.

    Args:
        answer: Called for each event, in order; what it did is durable when it returns.
        tell_time: Wall clock, aware UTC, for dead letters.
        most_waiting: How many sessions, the newest, are decided when more of them wait.
        attempts: Failures so far, which the process keeps from drain to drain.
    """

    answer: AnswerEvent
    tell_time: Callable[[], datetime]
    most_waiting: int = 1
    attempts: Attempts = field(default_factory=dict)

    def drain_events_once(self, consumer: EventConsumer) -> DrainCounts | None:
        """Answer what one poll gives, then commit it with the dead letters; None when nothing waits.

        A message that is no event, or asks for what the data do not allow, becomes a dead letter. Any
        other error on account of a message is tried 3 times, then it becomes one. A retryable error,
        or one of the machine, ends the call without a commit: close the consumer, wait, open it
        again, and all that was polled comes again.

        Raises:
            AttemptFailed: One on account of a message that has attempts left (retryable).
            TradeOpsError: A retryable one.
        """
        messages = consumer.poll()
        if not messages:
            return None
        letters: list[NewMessage] = []
        events = list(self._read(messages, letters))
        for message, event in _rank(events, self.most_waiting):
            self._answer(message, event, letters)
        consumer.commit(letters)
        self.attempts.clear()
        return DrainCounts(
            answered=len(messages) - len(letters),
            superseded=sum(event.superseded for _, event in _rank(events, self.most_waiting)),
            dead=len(letters),
        )

    def _read(self, messages: Sequence[Message], letters: list[NewMessage]) -> list[tuple[Message, SessionEvent]]:
        events: list[tuple[Message, SessionEvent]] = []
        for message in messages:
            try:
                events.append((message, _read_event(message)))
            except Exception as error:
                # Reading bytes asks nobody else: what cannot be read now cannot be read later.
                if not is_of_message(error):
                    raise
                letters.append(make_dead_letter(message, error, at=self.tell_time()))
        return events

    def _answer(self, message: Message, event: SessionEvent, letters: list[NewMessage]) -> None:
        try:
            self.answer(event)
        except DataError as error:
            letters.append(make_dead_letter(message, error, at=self.tell_time()))
        except Exception as error:
            # Whatever one message breaks: the next must not wait for it for ever, nor may it be lost.
            if not is_of_message(error):
                raise
            at = self.tell_time()
            failures = self._count_failure(message, at)
            if failures.times < MOST_ATTEMPTS:
                raise _describe_attempt(message, failures, error) from error
            letters.append(make_dead_letter(message, error, at=at, attempts=failures.times, first_at=failures.first_at))

    def _count_failure(self, message: Message, at: datetime) -> Failures:
        place = (message.topic, message.partition, message.offset)
        before = self.attempts.get(place, Failures(times=0, first_at=at))
        self.attempts[place] = Failures(times=before.times + 1, first_at=before.first_at)
        return self.attempts[place]


def _describe_attempt(message: Message, failures: Failures, error: Exception) -> AttemptFailed:
    place = f"{message.topic}/{message.partition}/{message.offset}"
    return AttemptFailed(
        f"attempt {failures.times} of {MOST_ATTEMPTS} at {place}, after which it is a dead letter: "
        f"{type(error).__name__}: {error}",
        place=place,
    )


def open_decider(log: EventLog) -> AbstractContextManager[EventConsumer]:
    """A member of the group that decides."""
    return log.open_consumer(GROUP, [FEATURES.name])


def _read_event(message: Message) -> SessionEvent:
    event = decode_event(message.value)
    if event.type != FEATURES.event_type:
        raise InvalidRecord(f"{message.topic} takes no event of type {event.type}", topic=message.topic)
    return SessionEvent(session=cast("SessionFeatures", event.payload).session, event_id=event.event_id)


def _rank(events: Sequence[tuple[Message, SessionEvent]], most_waiting: int) -> list[tuple[Message, SessionEvent]]:
    """In order of their sessions; all but the newest are superseded."""
    newest = set(sorted({event.session for _, event in events})[-most_waiting:])
    ordered = sorted(events, key=lambda pair: (pair[1].session, pair[0].offset))
    return [
        (message, SessionEvent(session=e.session, event_id=e.event_id, superseded=e.session not in newest))
        for message, e in ordered
    ]
