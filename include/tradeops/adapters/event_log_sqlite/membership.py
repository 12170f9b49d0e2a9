"""Who belongs to a consumer group, and which of its partitions each member holds.

Every poll does the same: members whose process is dead, or who were silent for a minute, are struck off; the
partitions are shared anew among those that are left (`share_partitions`); a member gives up what is another's share
as soon as it has committed, and takes what is its own share once it is free. So a late joiner has its part after one
poll of each older member. Each taking raises the partition's epoch; a commit names the epoch it was polled under.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.engine.interfaces import DBAPICursor

from tradeops.adapters.event_log_sqlite.clock import read_clock
from tradeops.adapters.event_log_sqlite.schema import PartitionIds
from tradeops.adapters.event_log_sqlite.sharing import share_partitions
from tradeops.adapters.liveness import is_dead
from tradeops.adapters.sqlite import HeldConnection
from tradeops.domain.claims import Owner

SILENCE_SECONDS = 60.0
_RENEW_BELOW = SILENCE_SECONDS * 2 / 3

_MEMBERS = "SELECT id, topics, host, pid, started, expires_at FROM members WHERE consumer_group = ?"
_JOIN = (
    "INSERT INTO members (id, consumer_group, topics, host, pid, started, expires_at)"
    " VALUES (?, ?, ?, ?, ?, ?, unixepoch('subsec') + ?)"
    " ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at RETURNING id"
)
_STRIKE_OFF = "DELETE FROM members WHERE id = ?"
_LEASES = "SELECT partition_id, epoch, member FROM leases WHERE consumer_group = ?"
_TAKE = (
    "INSERT INTO leases (consumer_group, partition_id, next_offset, epoch, member) VALUES (?, ?, 0, 1, ?)"
    " ON CONFLICT DO UPDATE SET epoch = epoch + 1, member = excluded.member RETURNING next_offset, epoch"
)
_GIVE_UP = "UPDATE leases SET member = NULL WHERE consumer_group = ? AND partition_id = ? AND member = ?"
_GIVE_UP_ALL = "UPDATE leases SET member = NULL WHERE consumer_group = ? AND member = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A partition as its holder took it: from which offset on, and under which epoch."""

    next_offset: int
    epoch: int


class Membership:
    """One member's place in its group; after joining, every call is part of the caller's transaction.

    Args:
        group: The consumer group.
        topics: What the member reads.
        owner: The member's process.
        partitions: Of the file.
    """

    def __init__(self, group: str, topics: Sequence[str], owner: Owner, partitions: PartitionIds) -> None:
        self.group = group
        self.id: int | None = None
        self._topics = json.dumps(list(topics))
        self._owner = owner
        self._partitions = partitions

    def join(self, held: HeldConnection) -> None:
        """Get a number in the group, once, in a transaction of its own: a number that is undone would be given anew."""
        if self.id is None:
            with held.write_cursor() as cursor:
                number = self.renew(cursor)
            self.id = number

    def attend(self, cursor: DBAPICursor) -> set[int]:
        """Renew, strike the dead off, and return the partitions that are this member's share."""
        now = read_clock(cursor)
        readers: dict[int, set[int]] = {}
        renewed = False
        for member, topics, host, pid, started, expires_at in cursor.execute(_MEMBERS, (self.group,)).fetchall():
            if member == self.id:
                renewed = expires_at - now > _RENEW_BELOW
            elif expires_at <= now or is_dead(Owner(host=host, pid=pid, started=started)):
                cursor.execute(_STRIKE_OFF, (member,))
            else:
                readers[member] = self._list_partitions(topics)
        me = self.id if renewed and self.id is not None else self.renew(cursor)
        shares = share_partitions({**readers, me: self._list_partitions(self._topics)})
        return {place for place, member in shares.items() if member == me}

    def renew(self, cursor: DBAPICursor) -> int:
        """Live for another minute and return the member's number; one that was struck off keeps it."""
        owner = self._owner
        values = (self.id, self.group, self._topics, owner.host, owner.pid, owner.started, SILENCE_SECONDS)
        (number,) = cursor.execute(_JOIN, values).fetchone()
        return int(number)

    def take_free(self, cursor: DBAPICursor, share: Collection[int]) -> dict[int, Lease]:
        """Take those of the share that nobody in the group holds."""
        living = {row[0] for row in cursor.execute(_MEMBERS, (self.group,))} - {self.id}
        leases = cursor.execute(_LEASES, (self.group,)).fetchall()
        busy = {place for place, _epoch, member in leases if member in living}
        return {place: self._take(cursor, place) for place in sorted(share) if place not in busy}

    def list_held(self, cursor: DBAPICursor) -> dict[int, int]:
        """Epoch by partition of what this member holds."""
        leases = cursor.execute(_LEASES, (self.group,)).fetchall()
        return {place: epoch for place, epoch, member in leases if member == self.id}

    def give_up(self, cursor: DBAPICursor, place: int) -> None:
        """Leave one partition to others."""
        cursor.execute(_GIVE_UP, (self.group, place, self.id))

    def leave(self, cursor: DBAPICursor) -> None:
        """Leave the group and all partitions."""
        cursor.execute(_GIVE_UP_ALL, (self.group, self.id))
        cursor.execute(_STRIKE_OFF, (self.id,))

    def _take(self, cursor: DBAPICursor, place: int) -> Lease:
        next_offset, epoch = cursor.execute(_TAKE, (self.group, place, self.id)).fetchone()
        return Lease(next_offset=next_offset, epoch=epoch)

    def _list_partitions(self, topics: str) -> set[int]:
        return {place for topic in json.loads(topics) for place in self._partitions.get(topic, ())}
