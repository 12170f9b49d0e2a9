"""Values in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tradeops.domain.errors import CorruptInput, UnknownRecord
from tradeops.domain.identifiers import ValueRef


@dataclass
class InMemoryValueStore:
    values: dict[ValueRef, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> ValueRef:
        ref = ValueRef(hashlib.sha256(data).hexdigest())
        self.values[ref] = bytes(data)
        return ref

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        return tuple(self.put(data) for data in values)

    def get(self, ref: ValueRef) -> bytes:
        if ref not in self.values:
            raise UnknownRecord(f"no value {ref}", ref=ref)
        if hashlib.sha256(self.values[ref]).hexdigest() != ref:
            raise CorruptInput(f"value {ref} does not hash to its name", ref=ref)
        return self.values[ref]
