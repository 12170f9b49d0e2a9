"""SQLite as several processes may use it: one file a concern, on a local disk."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError

from tradeops.domain.errors import ConfigurationError, CoordinationError, ExternalServiceError

SQLITE_VERSION: str = pysqlite3.sqlite_version

# busy_timeout comes first: it also covers the switch to WAL.
_PRAGMAS = (
    "busy_timeout = 30000",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",
)
_BEGIN = "begin"


def create_sqlite_engine(url: str) -> Engine:
    """An engine on the file of a `sqlite:///` URL; folders above the file are made.

    Raises:
        ConfigurationError: The URL names no SQLite file.
    """
    path = _read_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{path}",
        module=pysqlite3,
        poolclass=NullPool,
        connect_args={"isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


class HeldConnection:
    """One connection, held for the life of the adapter that owns it.

    Threads may share it and wait for each other. Processes may not: whoever forks opens its own
    after the fork, and the use of an inherited one is refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._pid = os.getpid()
        self._turn = threading.RLock()
        self._engine = engine
        self._connection = _connect(engine)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the file's one write lock from its first statement on.

        Raises:
            ExternalServiceError: The file is locked for longer than the busy timeout, or cannot be written.
            CoordinationError: A unique key, a foreign key or an append-only table forbids the row.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the file and writes nothing.

        Raises:
            ExternalServiceError: The file cannot be read.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write_cursor(self) -> Iterator[DBAPICursor]:
        """`write` with the driver's cursor, for rows that take less time than the preparation of their statement."""
        with self._driver_transaction("BEGIN IMMEDIATE") as cursor:
            yield cursor

    @contextmanager
    def read_cursor(self) -> Iterator[DBAPICursor]:
        """`read` with the driver's cursor."""
        with self._driver_transaction("BEGIN") as cursor:
            yield cursor

    @contextmanager
    def _driver_transaction(self, statement: str) -> Iterator[DBAPICursor]:
        self._refuse_other_process()
        with self._turn:
            driver: Any = self._connection.connection.driver_connection
            try:
                driver.execute(statement)
                yield driver.cursor()
                driver.execute("COMMIT")
            except pysqlite3.OperationalError as error:
                raise _unavailable(self._engine, error) from error
            except pysqlite3.IntegrityError as error:
                raise _refused(self._engine, error) from error
            finally:
                # An error may have ended the transaction already: a full disk does.
                if driver.in_transaction:
                    driver.execute("ROLLBACK")

    @contextmanager
    def _transaction(self, statement: str) -> Iterator[Connection]:
        self._refuse_other_process()
        with self._turn:
            self._connection.info[_BEGIN] = statement
            try:
                with self._connection.begin():
                    yield self._connection
            except OperationalError as error:
                raise _unavailable(self._engine, error.orig) from error
            except IntegrityError as error:
                raise _refused(self._engine, error.orig) from error

    def close(self) -> None:
        """Give the file back; a process that inherited the connection leaves it alone."""
        if os.getpid() == self._pid:
            with self._turn:
                self._connection.close()
                self._engine.dispose()

    def _refuse_other_process(self) -> None:
        if os.getpid() != self._pid:
            raise ConfigurationError(
                f"{self._engine.url.database} was opened by process {self._pid}; open it after the fork",
                opened_by=self._pid,
            )


def _read_path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"{url!r} is no database URL; write sqlite:////folder/file.db") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database.startswith(":memory:"):
        raise ConfigurationError(f"{parsed!r} names no SQLite file; write sqlite:////folder/file.db")
    return Path(parsed.database).absolute()


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        raise _unavailable(engine, error.orig) from error


def _unavailable(engine: Engine, cause: object) -> ExternalServiceError:
    return ExternalServiceError(f"{engine.url.database}: {cause}", path=engine.url.database)


def _refused(engine: Engine, cause: object) -> CoordinationError:
    return CoordinationError(f"{engine.url.database} refuses the row: {cause}", path=engine.url.database)


def _set_pragmas(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # The driver begins nothing by itself, so that a writer can take its lock before it reads.
    connection.exec_driver_sql(connection.info.get(_BEGIN, "BEGIN"))
