"""Write-once values named by their content."""

from collections.abc import Sequence
from typing import Protocol

from tradeops.domain.identifiers import ValueRef


class ValueStore(Protocol):
    """Large values: views, opinions, forecasts, learner samples."""

    def put(self, data: bytes) -> ValueRef:
        """Store durably and return the SHA-256 (hex); storing the same bytes again is harmless."""
        ...

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """Store several values; all of them are durable when it returns. Cheaper than one after another."""
        ...

    def get(self, ref: ValueRef) -> bytes:
        """Return the bytes.

        Raises:
            UnknownRecord: Nothing is stored under that name.
            CorruptInput: What is stored does not hash to its name.
        """
        ...
