"""PostgreSQL as processes on several hosts may use it: one connection an adapter, one transaction at a time."""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection, Engine, NullPool, RootTransaction, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from tradeops.domain.errors import ConfigurationError, CoordinationError, ExternalServiceError
from tradeops.resilience.postgres_refusals import find_refusal

SCHEME: Final = "postgresql+psycopg"

# A writer reads after it has waited for its turn, so each statement must see what is committed by then.
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SESSION: Final = (
    "SET timezone = 'UTC'",
    "SET lock_timeout = '30s'",
    # Whoever is cut off within a transaction keeps the others from theirs no longer than this.
    "SET idle_in_transaction_session_timeout = '60s'",
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')",
)
_DRIVER: Final = {
    "autocommit": True,
    "connect_timeout": 10,
    "application_name": "tradeops",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
T = TypeVar("T")

# A network that is cut and a server that is frozen are noticed after the same time, which no lock is waited for.
SILENT_SECONDS: Final = 60.0
_LOCK: Final = text("SELECT pg_advisory_lock(hashtextextended(:name, 0))")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")


def create_postgres_engine(url: str) -> Engine:
    """An engine on the database of a `postgresql+psycopg://` URL; its query is libpq's, as `sslmode=verify-full`.

    Raises:
        ConfigurationError: The URL names no PostgreSQL database.
    """
    parsed = _read_url(url)
    given = {name: value for name, value in _DRIVER.items() if name not in parsed.query}
    engine = create_engine(parsed, poolclass=NullPool, connect_args=given, hide_parameters=True)
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _set_up_session)
    return engine


class HeardConnection(psycopg.Connection[Any]):
    """The driver's connection, which breaks when the server says nothing for too long.

    The kernel of a frozen server goes on to confirm what it is sent, so no limit of TCP ends the wait for its answer.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """What the driver waits for, unless nothing at all comes in time.

        Raises:
            psycopg.OperationalError: The server is silent; the connection is closed.
        """
        try:
            return super().wait(_listen(gen), interval, timeout)
        except TimeoutError as silence:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the server says nothing for {SILENT_SECONDS:.0f} s") from silence


def _listen(gen: PQGen[T]) -> PQGen[T]:
    """Pass on what a generator of the driver waits for; the driver comes back every interval with nothing."""
    heard = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENT_SECONDS:
                raise TimeoutError
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: T = end.value
        return answer


def _connect(
    _dialect: object, _record: object, words: Sequence[Any], named: Mapping[str, Any]
) -> psycopg.Connection[Any]:
    return HeardConnection.connect(*words, **named)


class PostgresConnection:
    """One connection, held for the life of the adapter that owns it.

    Threads may share it and wait for each other. Processes may not: whoever forks opens its own
    after the fork, and the use of an inherited one is refused. A connection found broken when a
    transaction begins is replaced once; one that breaks within a transaction fails it, and
    nothing is done twice: whether to ask again is the caller's to know.
    """

    def __init__(self, engine: Engine) -> None:
        self._pid = os.getpid()
        self._turn = threading.RLock()
        self._engine = engine
        self._place = _name_place(engine.url)
        with self._translate():
            self._connection = engine.connect()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction of which each statement sees what is committed; writers lock what they read.

        Raises:
            ConfigurationError: The database refuses account, password or database when it is connected to again.
            ExternalServiceError: The database does not answer, or a lock is not to be had in half a
                minute. After a lost connection nobody knows whether the last commit was one.
            CoordinationError: A unique key, a foreign key or an append-only table forbids the row.
        """
        with self._transaction(_WRITE) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and writes nothing.

        Raises:
            ConfigurationError: As for writers.
            ExternalServiceError: The database does not answer.
        """
        with self._transaction(_READ) as connection:
            yield connection

    def close(self) -> None:
        """Give the connection back; a process that inherited it leaves it alone."""
        if os.getpid() == self._pid:
            with self._turn:
                self._connection.close()
                self._engine.dispose()

    @contextmanager
    def _transaction(self, statement: str) -> Iterator[Connection]:
        self._refuse_other_process()
        with self._turn, self._translate(), self._begin(statement):
            yield self._connection

    def _begin(self, statement: str) -> RootTransaction:
        try:
            return _begin(self._connection, statement)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # It broke while nobody used it; the next use connects again.
        return _begin(self._connection, statement)

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise CoordinationError(f"{self._place} refuses the row: {error.orig}", path=self._place) from error
        except DBAPIError as error:
            if not (isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated):
                raise
            refusal = find_refusal(error.orig, _show(self._engine.url))
            raise refusal or ExternalServiceError(f"{self._place}: {error.orig}", path=self._place) from error

    def _refuse_other_process(self) -> None:
        if os.getpid() != self._pid:
            raise ConfigurationError(
                f"{self._place} was opened by process {self._pid}; open it after the fork", opened_by=self._pid
            )


def connect_once(url: str) -> None:
    """See whether a database answers.

    Raises:
        ConfigurationError: It refuses account, password or database.
        ExternalServiceError: It does not.
    """
    PostgresConnection(create_postgres_engine(url)).close()


@contextmanager
def hold_turn(url: str, name: str) -> Iterator[None]:
    """Hold a named lock of a database: one holder at a time on all hosts; it ends with the holder's connection.

    Raises:
        ConfigurationError: The database refuses account, password or database.
        ExternalServiceError: The database does not answer, or the lock is not to be had in half a minute.
    """
    engine = create_postgres_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(_LOCK, {"name": name})
            yield
            connection.execute(_UNLOCK, {"name": name})
    except OperationalError as error:
        place = _name_place(engine.url)
        refusal = find_refusal(error.orig, _show(engine.url))
        raise refusal or ExternalServiceError(f"{place}, lock {name}: {error.orig}", path=place) from error
    finally:
        engine.dispose()


def _begin(connection: Connection, statement: str) -> RootTransaction:
    transaction = connection.begin()
    try:
        # The driver begins nothing by itself, so that the transaction is of the kind asked for.
        connection.exec_driver_sql(statement)
    except BaseException:
        transaction.rollback()
        raise
    return transaction


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"this is no database URL; write {SCHEME}://user@host/database") from error
    if parsed.drivername != SCHEME or not parsed.database:
        raise ConfigurationError(f"{_name_place(parsed)} is not asked for as {SCHEME}://user@host/database")
    return parsed


def _name_place(url: URL) -> str:
    # Without account and query, which may hold a password.
    return f"{url.host or 'local'}:{url.port or 5432}/{url.database}"


def _show(url: URL) -> str:
    return url.set(query={}).render_as_string()


def _set_up_session(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for statement in _SESSION:
        cursor.execute(statement)
    cursor.close()
