"""What a cycle stores waits in memory until its record needs it: one wait for the disk instead of ten."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tradeops.domain.identifiers import ValueRef
from tradeops.ports.value_store import ValueStore


@dataclass(frozen=True, slots=True)
class PendingValues:
    """Keeps what is put until `store`; for a cycle that is redone from its start when it is killed.

    Args:
        stored: Where values are and go.
    """

    stored: ValueStore
    _waiting: dict[ValueRef, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> ValueRef:
        """Keep in memory under the name that it will have."""
        ref = ValueRef(hashlib.sha256(data).hexdigest())
        self._waiting[ref] = data
        return ref

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """As one after another."""
        return tuple(self.put(data) for data in values)

    def get(self, ref: ValueRef) -> bytes:
        """From memory, else as stored."""
        waiting = self._waiting.get(ref)
        return self.stored.get(ref) if waiting is None else waiting

    def store(self) -> None:
        """Make everything durable that waits."""
        self.stored.put_all(tuple(self._waiting.values()))
        self._waiting.clear()
