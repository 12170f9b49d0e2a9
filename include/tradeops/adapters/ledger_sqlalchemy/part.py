"""What the parts of the ledger have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row

from tradeops.adapters.databases import Database
from tradeops.adapters.ledger_sqlalchemy.chain import lock_stream

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class LedgerPart:
    """A part of the ledger's contract over the one connection."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    @contextmanager
    def _write(self, stream: str) -> Iterator[Connection]:
        with self._connection.write() as connection:
            lock_stream(connection, stream)
            yield connection
