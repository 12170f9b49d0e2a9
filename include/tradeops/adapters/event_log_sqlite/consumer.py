"""One member of a consumer group."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy.engine.interfaces import DBAPICursor

from tradeops.adapters.event_log_sqlite.membership import Membership
from tradeops.adapters.event_log_sqlite.messages import Place, append_messages, read_messages
from tradeops.adapters.event_log_sqlite.schema import PartitionIds
from tradeops.adapters.sqlite import HeldConnection
from tradeops.domain.errors import LeaseLost
from tradeops.ports.event_log import Message, NewMessage

# The offset is compared too: a commit that is tried again after it came through, unheard, must not append twice.
_ADVANCE = (
    "UPDATE leases SET next_offset = ? WHERE consumer_group = ? AND partition_id = ?"
    " AND member = ? AND epoch = ? AND next_offset = ?"
)


@dataclass(slots=True, kw_only=True)
class _Held:
    """A partition that this member took, with what it polled since its last commit."""

    epoch: int
    committed: int
    next: int

    @property
    def is_pending(self) -> bool:
        return self.next != self.committed


class SqliteEventConsumer:
    """`EventConsumer` on the log's connection; one thread of one process."""

    def __init__(
        self, connection: HeldConnection, membership: Membership, places: Sequence[Place], partitions: PartitionIds
    ) -> None:
        self._connection = connection
        self._membership = membership
        self._places = {place.id: place for place in places}
        self._partitions = partitions
        self._held: dict[int, _Held] = {}
        self._turn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def poll(self, limit: int = 1000) -> tuple[Message, ...]:
        """Next messages of this member's partitions, which take turns at coming first; see the port."""
        with self._connection.write_cursor() as cursor:
            self._share_anew(cursor)
            found: list[Message] = []
            for place in self._take_turns():
                page = read_messages(cursor, self._places[place], self._held[place].next, limit - len(found))
                if page:
                    self._held[place].next = page[-1].offset + 1
                    found.extend(page)
                if len(found) >= limit:
                    break
            return tuple(found)

    def commit(self, outputs: Sequence[NewMessage] = ()) -> None:
        """Outputs and offsets in one transaction; see the port.

        Raises:
            LeaseLost: Another member took a partition over; nothing was written.
        """
        try:
            with self._connection.write_cursor() as cursor:
                self._write(cursor, outputs)
        except LeaseLost:
            # Polled again from the committed offsets, those of the partitions that are still held included.
            self._held.clear()
            raise
        for held in self._held.values():
            held.committed = held.next

    def close(self) -> None:
        """Give the partitions back."""
        with self._connection.write_cursor() as cursor:
            self._membership.leave(cursor)
        self._held.clear()

    def _write(self, cursor: DBAPICursor, outputs: Sequence[NewMessage]) -> None:
        self._advance(cursor)
        self._membership.renew(cursor)
        if outputs:
            append_messages(cursor, self._partitions, outputs)

    def _advance(self, cursor: DBAPICursor) -> None:
        group, member = self._membership.group, self._membership.id
        for place, held in self._held.items():
            if held.is_pending:
                values = (held.next, group, place, member, held.epoch, held.committed)
                if cursor.execute(_ADVANCE, values).rowcount != 1:
                    where = self._places[place]
                    raise LeaseLost(
                        f"another member of {group} took {where.topic}/{where.partition} over; poll again",
                        group=group,
                        topic=where.topic,
                        partition=where.partition,
                    )

    def _share_anew(self, cursor: DBAPICursor) -> None:
        share = self._membership.attend(cursor)
        epochs = self._membership.list_held(cursor)
        for place, held in list(self._held.items()):
            if held.is_pending:
                continue  # its commit decides
            if epochs.get(place) != held.epoch:
                del self._held[place]
            elif place not in share:
                self._membership.give_up(cursor, place)
                del self._held[place]
        for place, lease in self._membership.take_free(cursor, share - self._held.keys()).items():
            self._held[place] = _Held(epoch=lease.epoch, committed=lease.next_offset, next=lease.next_offset)

    def _take_turns(self) -> list[int]:
        self._turn += 1
        held = sorted(self._held)
        first = self._turn % len(held) if held else 0
        return held[first:] + held[:first]
