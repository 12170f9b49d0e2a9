"""What the parts of the ledger have in common."""

from typing import Any, TypeAlias

from sqlalchemy import Row

from tradeops.adapters.sqlite import HeldConnection

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class LedgerPart:
    """A part of the ledger's contract over the one connection."""

    def __init__(self, connection: HeldConnection) -> None:
        self._connection = connection
