"""Rows of messages: how they are appended and read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine.interfaces import DBAPICursor

from tradeops.adapters.event_log_sqlite.schema import PartitionIds
from tradeops.domain.topics import choose_partition, find_topic
from tradeops.ports.event_log import Message, NewMessage

_OFFSET_BITS = 40
_INSERT = "INSERT INTO messages (address, key, value, headers) VALUES (?, ?, ?, ?)"
_LAST = "SELECT max(address) FROM messages WHERE address >= ? AND address < ?"
_COUNT = "SELECT count(*) FROM messages WHERE address >= ? AND address < ?"
_PAGE = "SELECT address, key, value, headers FROM messages WHERE address >= ? AND address < ? ORDER BY address LIMIT ?"
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One partition of a topic, and its id in the file."""

    topic: str
    partition: int
    id: int


def list_places(partitions: PartitionIds, topic: str) -> tuple[Place, ...]:
    """The partitions of a topic, in order.

    Raises:
        ConfigurationError: The topic is not in the catalogue.
    """
    ids = _find_ids(partitions, topic)
    return tuple(Place(topic=topic, partition=number, id=place) for number, place in enumerate(ids))


def append_messages(cursor: DBAPICursor, partitions: PartitionIds, messages: Sequence[NewMessage]) -> None:
    """Append within the transaction of the caller, which holds the write lock.

    Raises:
        ConfigurationError: A topic is not in the catalogue.
    """
    lanes: dict[int, list[NewMessage]] = {}
    lane_of: dict[tuple[str, str], list[NewMessage]] = {}
    for message in messages:
        target = (message.topic, message.key)
        lane = lane_of.get(target)
        if lane is None:
            lane = lane_of[target] = lanes.setdefault(_choose_place(partitions, *target), [])
        lane.append(message)
    for place, lane in lanes.items():
        rows = [
            (address, message.key, message.value, json.dumps(dict(message.headers)) if message.headers else None)
            for address, message in enumerate(lane, _find_end(cursor, place))
        ]
        cursor.executemany(_INSERT, rows)


def read_messages(cursor: DBAPICursor, place: Place, offset: int, limit: int) -> tuple[Message, ...]:
    """Messages of a partition from an offset on."""
    base = place.id << _OFFSET_BITS
    rows = cursor.execute(_PAGE, (base + offset, (place.id + 1) << _OFFSET_BITS, limit))
    return tuple(
        Message(
            topic=place.topic,
            partition=place.partition,
            offset=address - base,
            key=key,
            value=value,
            headers=json.loads(headers) if headers else _NO_HEADERS,
        )
        for address, key, value, headers in rows
    )


def read_end_offset(cursor: DBAPICursor, place: Place) -> int:
    """The offset that the partition's next message gets."""
    return _find_end(cursor, place.id) - (place.id << _OFFSET_BITS)


def count_messages(cursor: DBAPICursor, place: Place) -> int:
    """How many messages a partition holds."""
    (count,) = cursor.execute(_COUNT, (place.id << _OFFSET_BITS, (place.id + 1) << _OFFSET_BITS)).fetchone()
    return int(count)


def _choose_place(partitions: PartitionIds, topic: str, key: str) -> int:
    ids = _find_ids(partitions, topic)
    return ids[choose_partition(key, len(ids))]


def _find_end(cursor: DBAPICursor, place: int) -> int:
    base = place << _OFFSET_BITS
    (last,) = cursor.execute(_LAST, (base, (place + 1) << _OFFSET_BITS)).fetchone()
    return base if last is None else int(last) + 1


def _find_ids(partitions: PartitionIds, topic: str) -> tuple[int, ...]:
    find_topic(topic)
    return partitions[topic]
