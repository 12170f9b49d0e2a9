"""Which database a URL names, and what both kinds have in common."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, text

from tradeops.adapters.postgres import PostgresConnection, create_postgres_engine
from tradeops.adapters.sqlite import HeldConnection, create_sqlite_engine

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class Database(Protocol):
    """One connection, held for the life of the adapter that owns it; see the two kinds of it."""

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that may write."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


def open_database(url: str) -> Database:
    """Connect to the database of a URL.

    Raises:
        ConfigurationError: The URL names no database of a known kind, or its server refuses it.
        ExternalServiceError: The database cannot be reached.
    """
    if url.startswith("postgresql"):
        return PostgresConnection(create_postgres_engine(url))
    return HeldConnection(create_sqlite_engine(url))


def open_prepared(url: str, name: str, prepare: Callable[[Connection], None]) -> Database:
    """The same, with its tables made by whoever comes first.

    Args:
        url: Of the database.
        name: What it holds: those who prepare the same take turns.
        prepare: Makes what is missing; harmless when nothing is.
    """
    database = open_database(url)
    try:
        with database.write() as connection:
            take_lock(connection, f"{name} schema")
            prepare(connection)
    except BaseException:
        database.close()
        raise
    return database


def take_lock(connection: Connection, name: str) -> None:
    """Wait for the turn of this transaction among all that name the same thing; it ends with the transaction.

    On SQLite every writer has the whole file to itself already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"name": name})
