"""One member of a consumer group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
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
        self._membership.join(self._connection)
        with self._connection.write_cursor() as cursor:
            held = self._share_anew(cursor)
            found: list[Message] = []
            for place in self._take_turns(held):
                page = read_messages(cursor, self._places[place], held[place].next, limit - len(found))
                if page:
                    held[place] = replace(held[place], next=page[-1].offset + 1)
                    found.extend(page)
                if len(found) >= limit:
                    break
        # Only now: a poll that failed has given nothing out and taken nothing over.
        self._held = held
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
            self._held = {}
            raise
        self._held = {place: replace(held, committed=held.next) for place, held in self._held.items()}

    def close(self) -> None:
        """Give the partitions back."""
        if self._membership.id is not None:
            with self._connection.write_cursor() as cursor:
                self._membership.leave(cursor)
        self._held = {}

    def _write(self, cursor: DBAPICursor, outputs: Sequence[NewMessage]) -> None:
        if self._membership.id is not None:
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

    def _share_anew(self, cursor: DBAPICursor) -> dict[int, _Held]:
        share = self._membership.attend(cursor)
        epochs = self._membership.list_held(cursor)
        kept = {place: held for place, held in self._held.items() if held.is_pending}  # their commit decides
        for place, held in self._held.items() - kept.items():
            if epochs.get(place) == held.epoch:
                if place in share:
                    kept[place] = held
                else:
                    self._membership.give_up(cursor, place)
        for place, lease in self._membership.take_free(cursor, share - kept.keys()).items():
            kept[place] = _Held(epoch=lease.epoch, committed=lease.next_offset, next=lease.next_offset)
        return kept

    def _take_turns(self, held: Mapping[int, _Held]) -> list[int]:
        self._turn += 1
        places = sorted(held)
        first = self._turn % len(places) if places else 0
        return places[first:] + places[:first]
