"""What events did here, and what has to be told elsewhere."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, insert, select, update

from tradeops.adapters.ledger_sqlalchemy.part import LedgerPart
from tradeops.adapters.ledger_sqlalchemy.tables import DECISIONS, ENTRIES, INBOX, OUTBOX, OUTBOX_CURSOR, STREAMS
from tradeops.domain.claims import InboxKey
from tradeops.domain.identifiers import CycleId
from tradeops.ports.ledger import OutboxRow

_CURSOR = "outbox cursor"
_BOOKS = "book/%"  # no other stream has anything to tell

_EFFECT = (
    select(DECISIONS.c.cycle_id)
    .join(INBOX, INBOX.c.entry_id == DECISIONS.c.entry_id)
    .where(
        INBOX.c.consumer == bindparam("consumer"),
        INBOX.c.topic == bindparam("topic"),
        INBOX.c.event_id == bindparam("event_id"),
    )
)
_BEHIND = (
    select(STREAMS.c.stream, func.coalesce(OUTBOX_CURSOR.c.sequence, 0).label("told"))
    .outerjoin(OUTBOX_CURSOR, OUTBOX_CURSOR.c.stream == STREAMS.c.stream)
    .where(STREAMS.c.stream.like(_BOOKS), STREAMS.c.sequence > func.coalesce(OUTBOX_CURSOR.c.sequence, 0))
)
# By sequence in a stream, not by the row's own number: numbers of two streams may become visible in another order.
# A stream at a time: over all of them SQLite would walk through every entry that there is.
_UNTOLD = (
    select(ENTRIES.c.id, ENTRIES.c.stream, ENTRIES.c.sequence, OUTBOX.c.topic, OUTBOX.c.key)
    .join(OUTBOX, OUTBOX.c.entry_id == ENTRIES.c.id)
    .where(ENTRIES.c.stream == bindparam("stream"), ENTRIES.c.sequence > bindparam("told"))
    .order_by(ENTRIES.c.sequence, OUTBOX.c.id)
    .limit(bindparam("most"))
)
_STANDS = select(OUTBOX_CURSOR.c.sequence).where(OUTBOX_CURSOR.c.stream == bindparam("stream"))
_START = insert(OUTBOX_CURSOR)
_MOVE = update(OUTBOX_CURSOR).where(OUTBOX_CURSOR.c.stream == bindparam("which"))


class SqlBoxes(LedgerPart):
    """`Boxes` on a database."""

    def find_effect(self, event: InboxKey) -> CycleId | None:
        """The cycle that was recorded for an event; see the port."""
        key = {"consumer": event.consumer, "topic": event.topic, "event_id": event.event_id}
        with self._connection.read() as connection:
            cycle_id: str | None = connection.execute(_EFFECT, key).scalar_one_or_none()
        return None if cycle_id is None else CycleId(cycle_id)

    def read_outbox(self, limit: int) -> tuple[OutboxRow, ...]:
        """Oldest rows behind the cursor; see the port."""
        with self._connection.read() as connection:
            rows = [
                row
                for behind in connection.execute(_BEHIND).all()
                for row in connection.execute(
                    _UNTOLD, {"stream": behind.stream, "told": behind.told, "most": limit}
                ).all()
            ]
        oldest = sorted(rows, key=lambda row: row.id)[:limit]
        return tuple(
            OutboxRow(stream=row.stream, sequence=row.sequence, topic=row.topic, key=row.key) for row in oldest
        )

    def advance_outbox(self, told: Sequence[OutboxRow]) -> None:
        """Move the cursor of each stream behind its last row; see the port."""
        ends: dict[str, int] = {}
        for row in told:
            ends[row.stream] = max(row.sequence, ends.get(row.stream, 0))
        with self._write(_CURSOR) as connection:
            for stream, sequence in sorted(ends.items()):
                _advance(connection, stream, sequence)


def _advance(connection: Connection, stream: str, sequence: int) -> None:
    stands = connection.execute(_STANDS, {"stream": stream}).scalar_one_or_none()
    if stands is None:
        connection.execute(_START, {"stream": stream, "sequence": sequence})
    elif stands < sequence:
        connection.execute(_MOVE, {"which": stream, "sequence": sequence})
