"""Moves validated events from the log into the lake, each once."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import attrgetter

import polars as pl

from tradeops.domain.errors import InvalidRecord, LeaseLost
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.events import Event
from tradeops.domain.lake_tables import EVENT_COLUMNS, SEALED_AS, LakeTable
from tradeops.domain.topics import SEALED, find_topic
from tradeops.ports.event_log import EventConsumer, EventLog, Message, NewMessage
from tradeops.ports.lake import Lake, frame_schema
from tradeops.services.dead_letters import is_of_message, make_dead_letter

GROUP = "seal"
MOST_MESSAGES = 20_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_partition_of = attrgetter("topic", "partition")
_session_of = attrgetter("payload.session")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealCounts:
    """What became of the messages: rows of the lake, events it had already, dead letters."""

    sealed: int = 0
    duplicates: int = 0
    dead: int = 0

    def __add__(self, other: "SealCounts") -> "SealCounts":
        return SealCounts(
            sealed=self.sealed + other.sealed,
            duplicates=self.duplicates + other.duplicates,
            dead=self.dead + other.dead,
        )


def seal_lake(log: EventLog, lake: Lake, *, at: datetime | None = None) -> SealCounts:
    """Seal every event that this process can get hold of.

    Rows are durable in the lake before the offsets are committed; after a restart messages up to
    the lake's own version are not written again. Partitions that another living process seals are
    left to it.

    Args:
        log: Where from.
        lake: Where to.
        at: When this happens, for dead letters; the newest known time among the events by default.

    Raises:
        LeaseLost: Another process took a partition over meanwhile (retryable); nothing is lost or doubled.
    """
    total = SealCounts()
    with open_sealer(log) as consumer:
        while (counts := seal_lake_once(consumer, lake, at=at)) is not None:
            total += counts
    return total


def open_sealer(log: EventLog) -> AbstractContextManager[EventConsumer]:
    """A member of the group that seals."""
    return log.open_consumer(GROUP, [topic.name for topic in SEALED])


def seal_lake_once(consumer: EventConsumer, lake: Lake, *, at: datetime | None = None) -> SealCounts | None:
    """Seal what one poll gives; None when there was nothing. See `seal_lake`.

    Args:
        consumer: From `open_sealer`.
        lake: Where to.
        at: When this happens, for dead letters.

    Raises:
        LeaseLost: Another process took a partition over meanwhile (retryable); nothing is lost or doubled.
    """
    messages = consumer.poll(MOST_MESSAGES)
    if not messages:
        return None
    total, dead = SealCounts(), list[NewMessage]()
    for _, group in groupby(sorted(messages, key=_partition_of), key=_partition_of):
        counts, letters = _seal_partition(lake, tuple(group), at)
        total += counts
        dead += letters
    consumer.commit(dead)
    return total


def sealed_positions(log: EventLog) -> dict[str, int]:
    """Offset that the sealer reads on from, by `topic/partition`: every message before it is in the lake."""
    return {
        f"{topic.name}/{partition}": offset
        for topic in SEALED
        for partition, offset in log.committed(GROUP, topic.name).items()
    }


def _seal_partition(
    lake: Lake, messages: Sequence[Message], at: datetime | None
) -> tuple[SealCounts, list[NewMessage]]:
    first, last = messages[0], messages[-1]
    table, writer = SEALED_AS[first.topic], f"seal:{first.topic}:{first.partition}"
    stands = lake.sealed_version(table, writer)
    # Letters of messages that are sealed already are written all the same: their offsets are not committed yet.
    events, dead = _decode(messages, at)
    fresh = [(message, event) for message, event in events if message.offset > stands]
    rows = _drop_known(lake, table, fresh)
    if rows and not lake.append(table, _make_frame(table, rows), writer=writer, version=last.offset, after=stands):
        raise LeaseLost(f"another process seals {first.topic}/{first.partition}; try again", topic=first.topic)
    return SealCounts(sealed=len(rows), duplicates=len(fresh) - len(rows), dead=len(dead)), dead


def _decode(messages: Sequence[Message], at: datetime | None) -> tuple[list[tuple[Message, Event]], list[NewMessage]]:
    events: list[tuple[Message, Event]] = []
    failed: list[tuple[Message, Exception]] = []
    for message in messages:
        try:
            events.append((message, _read(message)))
        except Exception as error:
            # Reading bytes asks nobody else: what cannot be read now cannot be read later.
            if not is_of_message(error):
                raise
            failed.append((message, error))
    moment = at or max((event.known_time for _, event in events), default=_EPOCH)
    return events, [make_dead_letter(message, error, at=moment) for message, error in failed]


def _read(message: Message) -> Event:
    event = decode_event(message.value)
    if event.type != find_topic(message.topic).event_type:
        raise InvalidRecord(f"{message.topic} takes no event of type {event.type}", topic=message.topic)
    return event


def _drop_known(
    lake: Lake, table: LakeTable, fresh: Sequence[tuple[Message, Event]]
) -> list[tuple[Message, Event, str]]:
    """Those events that neither the lake has nor came before, with their ids."""
    known = _list_known(lake, table, [event for _, event in fresh]) if fresh else set()
    rows = []
    for message, event in fresh:
        # Compared with the content's own by `decode_event`; to hash that again takes five times as long.
        event_id = json.loads(message.value)["event_id"]
        if event_id not in known:
            known.add(event_id)
            rows.append((message, event, event_id))
    return rows


def _list_known(lake: Lake, table: LakeTable, events: Sequence[Event]) -> set[str]:
    # An event's id contains its session, so only those sessions can hold it already.
    span: dict[str, date] = {}
    if "session" in table.columns:
        sessions = [_session_of(event) for event in events]
        span = {"first": min(sessions), "last": max(sessions)}
    return set(lake.read(table, columns=["event_id"], **span)["event_id"])


def _make_frame(table: LakeTable, rows: Sequence[tuple[Message, Event, str]]) -> pl.DataFrame:
    facts = [name for name in table.columns if name not in EVENT_COLUMNS]
    columns: dict[str, list[object]] = {name: [getattr(event.payload, name) for _, event, _ in rows] for name in facts}
    columns |= {
        "event_id": [event_id for _, _, event_id in rows],
        "source": [event.source for _, event, _ in rows],
        "sequence": [event.sequence for _, event, _ in rows],
        "event_time": [event.event_time for _, event, _ in rows],
        "known_time": [event.known_time for _, event, _ in rows],
        "basis": [event.basis.value for _, event, _ in rows],
        "log_partition": [message.partition for message, _, _ in rows],
        "log_offset": [message.offset for message, _, _ in rows],
    }
    return pl.DataFrame(columns, schema=frame_schema(table))
