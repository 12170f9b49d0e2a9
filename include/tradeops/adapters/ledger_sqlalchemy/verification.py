"""Making the chains and the typed rows again, and comparing."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import Connection, Table, func, select

from tradeops.adapters.ledger_sqlalchemy.chain import GENESIS, Head, NewEntry, hash_entry
from tradeops.adapters.ledger_sqlalchemy.part import AnyRow, LedgerPart
from tradeops.adapters.ledger_sqlalchemy.payloads import Kind, encode_payload
from tradeops.adapters.ledger_sqlalchemy.projections import PROJECTED_TABLES, project_entry
from tradeops.adapters.ledger_sqlalchemy.tables import ENTRIES, INBOX, METADATA, STREAMS
from tradeops.domain.errors import CorruptInput
from tradeops.ports.ledger import ChainHead

_PAGE = 500
_HEADS = select(STREAMS).order_by(STREAMS.c.stream)
_ENTRIES = select(ENTRIES).order_by(ENTRIES.c.stream, ENTRIES.c.sequence).execution_options(yield_per=_PAGE)
# What no entry tells: numbers given by the database, and how a decision was made.
_NOT_PROJECTED = {"id", "entry_id", "trace"}

Found = dict[int, list[str]]


class SqlChains(LedgerPart):
    """`Chains` on a database."""

    def chain_heads(self) -> tuple[ChainHead, ...]:
        """Heads of all streams, ascending by name."""
        with self._connection.read() as connection:
            return read_heads(connection)

    def count_rows(self) -> Mapping[str, int]:
        """Rows of every table of the ledger."""
        with self._connection.read() as connection:
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in sorted(METADATA.tables.items())
            }

    def verify_chains(self) -> None:
        """Recompute every hash and every typed row; see the port."""
        with self._connection.read() as connection:
            _verify_entries(connection)
            _verify_typed_rows(connection)


def read_heads(connection: Connection) -> tuple[ChainHead, ...]:
    """Heads of all streams, ascending by name."""
    rows = connection.execute(_HEADS).all()
    return tuple(ChainHead(stream=row.stream, sequence=row.sequence, digest=row.hash) for row in rows)


def _verify_entries(connection: Connection) -> None:
    ends: dict[str, Head] = {}
    for row in connection.execute(_ENTRIES):
        before = ends.get(row.stream, Head(sequence=0, digest=GENESIS))
        digest = _verify_entry(row, before)
        ends[row.stream] = Head(sequence=row.sequence, digest=digest)
    recorded = {row.stream: Head(sequence=row.sequence, digest=row.hash) for row in connection.execute(_HEADS)}
    for stream in sorted({*ends, *recorded}):
        if ends.get(stream) != recorded.get(stream):
            raise _corrupt(stream, ends[stream].sequence if stream in ends else 0, "is not where its head says")


def _verify_entry(row: AnyRow, before: Head) -> str:
    if row.sequence != before.sequence + 1:
        raise _corrupt(row.stream, before.sequence + 1, "is missing")
    new = NewEntry(stream=row.stream, kind=row.kind, key=row.key, payload=row.payload, epoch=row.epoch)
    digest = hash_entry(new, before)
    if row.previous_hash != before.digest or row.hash != digest:
        raise _corrupt(row.stream, row.sequence, "does not hash to what it says")
    return digest


def _verify_typed_rows(connection: Connection) -> None:
    found = {table: _read_rows(connection, table) for table in PROJECTED_TABLES}
    spent = {row.entry_id for row in connection.execute(select(INBOX.c.entry_id))}
    for row in connection.execute(_ENTRIES):
        wanted: dict[Table, list[str]] = defaultdict(list)
        for table, typed in project_entry(Kind(row.kind), row.stream, row.payload):
            wanted[table].append(_describe(typed))
        for table in PROJECTED_TABLES:
            if sorted(wanted[table]) != sorted(found[table].pop(row.id, [])):
                raise _corrupt(row.stream, row.sequence, f"has other rows in {table.name}")
        if (row.kind == Kind.DECISION) != (row.id in spent):
            raise _corrupt(row.stream, row.sequence, "and the inbox do not fit")
    for table, rest in found.items():
        if rest:
            raise CorruptInput(f"{table.name} has rows of entries that are not there: {sorted(rest)[:5]}")


def _read_rows(connection: Connection, table: Table) -> Found:
    found: Found = defaultdict(list)
    for row in connection.execute(select(table)):
        found[row.entry_id].append(_describe(row._asdict()))
    return found


def _describe(row: Mapping[str, object]) -> str:
    return encode_payload({name: value for name, value in row.items() if name not in _NOT_PROJECTED})


def _corrupt(stream: str, sequence: int, what: str) -> CorruptInput:
    return CorruptInput(f"ledger stream {stream}: entry {sequence} {what}", stream=stream, sequence=sequence)
