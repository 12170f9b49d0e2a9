"""Streams of entries, each naming the hash of the one before it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from tradeops.adapters.databases import take_lock
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind
from tradeops.adapters.ledger_sqlalchemy.tables import ENTRIES, STREAMS
from tradeops.domain.identifiers import content_hash

GENESIS = "0" * 64
CONFIGURATION_STREAM = "configuration"
LEARNERS_STREAM = "learners"
MARKET_STREAM = "market"
PROMOTIONS_STREAM = "promotions"
WINDOW_STREAM = "trading_window"

_HEAD = select(STREAMS.c.sequence, STREAMS.c.hash).where(STREAMS.c.stream == bindparam("stream"))
_INSERT_HEAD = insert(STREAMS)
_MOVE_HEAD = update(STREAMS).where(STREAMS.c.stream == bindparam("which"))
_INSERT_ENTRY = insert(ENTRIES).returning(ENTRIES.c.id)
_PAYLOAD = select(ENTRIES.c.payload).where(
    ENTRIES.c.stream == bindparam("stream"), ENTRIES.c.kind == bindparam("kind"), ENTRIES.c.key == bindparam("key")
)
_PAYLOAD_AT = select(ENTRIES.c.payload).where(
    ENTRIES.c.stream == bindparam("stream"), ENTRIES.c.sequence == bindparam("sequence")
)
_ALL_PAYLOADS = select(ENTRIES.c.payload).where(ENTRIES.c.stream == bindparam("stream")).order_by(ENTRIES.c.sequence)
_NEWEST_PAYLOAD = (
    select(ENTRIES.c.payload)
    .where(ENTRIES.c.stream == bindparam("stream"), ENTRIES.c.kind == bindparam("kind"))
    .order_by(ENTRIES.c.key.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An entry before it has its place in the chain."""

    stream: str
    kind: Kind
    key: str
    payload: str
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a stream ends; sequence 0 before its first entry."""

    sequence: int
    digest: str


def lock_stream(connection: Connection, stream: str) -> None:
    """Let no other transaction that locks the stream go on before this one ends.

    Whoever appends, or writes what depends on a stream, locks it before the first read. A book's
    claims are written under the lock of the book. Books come before the streams that all share,
    so that no two transactions wait for each other.
    """
    take_lock(connection, f"ledger/{stream}")


def read_head(connection: Connection, stream: str) -> Head:
    """The end of a stream."""
    row = connection.execute(_HEAD, {"stream": stream}).one_or_none()
    return Head(sequence=row.sequence, digest=row.hash) if row else Head(sequence=0, digest=GENESIS)


def hash_entry(new: NewEntry, previous: Head) -> str:
    """SHA-256 over everything but the wall clock."""
    place = [new.stream, previous.sequence + 1, new.kind, new.key, new.payload, previous.digest, new.epoch]
    return content_hash(place)


def append_entry(connection: Connection, new: NewEntry) -> int:
    """Write an entry behind the head of its stream, which the transaction has locked, and return its id."""
    head = read_head(connection, new.stream)
    digest = hash_entry(new, head)
    row = {
        "stream": new.stream,
        "sequence": head.sequence + 1,
        "kind": new.kind.value,
        "key": new.key,
        "payload": new.payload,
        "previous_hash": head.digest,
        "hash": digest,
        "epoch": new.epoch,
        "recorded_at": datetime.now(UTC),
    }
    entry_id: int = connection.execute(_INSERT_ENTRY, row).scalar_one()
    _move_head(connection, new.stream, Head(sequence=head.sequence + 1, digest=digest))
    return entry_id


def find_payload(connection: Connection, stream: str, kind: Kind, key: str) -> str | None:
    """What the entry of that identity holds."""
    found = connection.execute(_PAYLOAD, {"stream": stream, "kind": kind.value, "key": key})
    return found.scalar_one_or_none()


def find_newest_payload(connection: Connection, stream: str, kind: Kind) -> str | None:
    """What the entry of the greatest key holds."""
    found = connection.execute(_NEWEST_PAYLOAD, {"stream": stream, "kind": kind.value})
    return found.scalar_one_or_none()


def find_payload_at(connection: Connection, stream: str, sequence: int) -> str | None:
    """What the entry at that place of a stream holds."""
    return connection.execute(_PAYLOAD_AT, {"stream": stream, "sequence": sequence}).scalar_one_or_none()


def read_payloads(connection: Connection, stream: str) -> tuple[str, ...]:
    """What all entries of a stream hold, oldest first."""
    return tuple(connection.execute(_ALL_PAYLOADS, {"stream": stream}).scalars())


def _move_head(connection: Connection, stream: str, head: Head) -> None:
    row = {"sequence": head.sequence, "hash": head.digest}
    if head.sequence == 1:
        connection.execute(_INSERT_HEAD, {"stream": stream, **row})
    else:
        connection.execute(_MOVE_HEAD, {"which": stream, **row})
