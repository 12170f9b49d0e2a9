"""A source's row as the bytes that are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from tradeops.domain.canonical import encode_canonical, to_plain
from tradeops.domain.events import Basis
from tradeops.domain.topics import Topic
from tradeops.ports.raw_source import RawRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a row comes from, when it was true and when it was known.

    Args:
        source: Who says so.
        sequence: File and row.
        event_time: Aware UTC.
        known_time: Aware UTC.
        basis: Whether `known_time` was observed or is assumed.
    """

    source: str
    sequence: str
    event_time: datetime
    known_time: datetime
    basis: Basis


def make_record(topic: Topic, key: str, origin: Origin, fields: Mapping[str, str]) -> RawRecord:
    """The raw record of one row, in the topic's schema version."""
    value = {
        **fields,
        "schema_version": topic.schema_version,
        "source": origin.source,
        "sequence": origin.sequence,
        "event_time": _text(origin.event_time),
        "known_time": _text(origin.known_time),
        "basis": origin.basis.value,
    }
    known_time = origin.known_time.astimezone(UTC)
    return RawRecord(topic=topic.name, key=key, value=encode_canonical(value), known_time=known_time)


@lru_cache(maxsize=100_000)
def _text(time: datetime) -> str:
    return str(to_plain(time))
