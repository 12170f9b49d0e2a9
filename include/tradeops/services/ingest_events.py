"""Turns raw records into events; what breaks its schema becomes a dead letter."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from tradeops.domain.errors import LeaseLost
from tradeops.domain.event_schemas import validate_raw
from tradeops.domain.topics import RAW_TO_VALIDATED
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.services.dead_letters import is_of_message, make_dead_letter
from tradeops.services.event_messages import make_event_message

GROUP = "ingest"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestCounts:
    """What became of the raw records: events, and dead letters."""

    validated: int = 0
    dead: int = 0

    def __add__(self, other: "IngestCounts") -> "IngestCounts":
        return IngestCounts(validated=self.validated + other.validated, dead=self.dead + other.dead)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    is_session: Callable[[date], bool]
    at: datetime

    def judge(self, message: Message) -> tuple[NewMessage, IngestCounts]:
        try:
            event = validate_raw(message.topic, message.value, is_session=self.is_session)
        except Exception as error:
            # Validation asks nobody else: what it could not judge now it cannot judge later, and others wait behind it.
            if not is_of_message(error):
                raise
            return make_dead_letter(message, error, at=self.at), IngestCounts(dead=1)
        topic = RAW_TO_VALIDATED[message.topic]
        return make_event_message(topic, event, cause=message), IngestCounts(validated=1)


def ingest_events(log: EventLog, *, is_session: Callable[[date], bool], at: datetime) -> IngestCounts:
    """Validate every raw record that this process can get hold of.

    Events, dead letters and the offsets of a batch become durable together, so a record becomes one
    or the other once, wherever a process dies. Partitions that another living process reads are left
    to it. A redriven record is a record like any other.

    Args:
        log: The event log.
        is_session: Whether the exchange is open on a date.
        at: Wall clock, aware UTC, for the letters.
    """
    total, judge = IngestCounts(), _Judge(is_session=is_session, at=at)
    with log.open_consumer(GROUP, list(RAW_TO_VALIDATED)) as consumer:
        while messages := consumer.poll():
            judged = [judge.judge(message) for message in messages]
            try:
                consumer.commit([output for output, _ in judged])
            except LeaseLost:
                continue  # nothing was written; the other member has them, or they come again
            total = sum((counts for _, counts in judged), total)
    return total
