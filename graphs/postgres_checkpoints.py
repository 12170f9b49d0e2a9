"""Checkpoints on PostgreSQL: a saver a runner, each on a small pool of its own event loop."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, AsyncCursor, Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tradeops.domain.errors import ConfigurationError, ExternalServiceError
from tradeops.resilience.postgres_refusals import find_refusal

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

# A saver has one lock around every call, so a second connection serves only while a broken one is replaced.
POOL_SIZE: Final = 2
CONNECT_SECONDS: Final = 10
WAIT_SECONDS: Final = 60.0

_SESSION: Final[dict[str, Any]] = {
    "autocommit": True,
    "prepare_threshold": 0,
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "tradeops checkpoints",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_TRY_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('checkpoint schema', 0)) AS taken"
_HAS_TABLES: Final = "SELECT to_regclass('checkpoint_migrations') IS NOT NULL AS there"
_VERSION: Final = "SELECT coalesce(max(v), -1) AS version FROM checkpoint_migrations"


class Saver(AsyncPostgresSaver):
    """The library's saver with this program's errors."""

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        with translate_errors():
            async with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor


@asynccontextmanager
async def open_postgres_saver(dsn: str) -> AsyncIterator[Saver]:
    """A saver for one runner, that is for one cycle at a time: savers wait for themselves, not for each other.

    Args:
        dsn: `postgresql://…`

    Raises:
        ConfigurationError: Nobody prepared the database, or the server refuses account, password or database.
        ExternalServiceError: The database does not answer.
    """
    pool = AsyncConnectionPool(
        dsn,
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=POOL_SIZE,
        timeout=CONNECT_SECONDS,
        open=False,
        check=AsyncConnectionPool.check_connection,
        kwargs={**_SESSION, "row_factory": dict_row},
    )
    try:
        with translate_errors(dsn):
            await _open_pool(pool, dsn)
            await _refuse_old_tables(pool)
        yield Saver(pool)
    finally:
        await pool.close()


def prepare_tables(dsn: str) -> None:
    """Make or upgrade the tables; of several processes that try, one does it and the others wait.

    Raises:
        ConfigurationError: The server refuses account, password or database.
        ExternalServiceError: The database does not answer.
    """
    with translate_errors(dsn), Connection.connect(dsn, row_factory=dict_row, **_SESSION) as connection:
        _wait_for_turn(connection)
        PostgresSaver(connection).setup()


@contextmanager
def translate_errors(dsn: str = "") -> Iterator[None]:
    """The driver's errors as ours: checkpoints cannot be kept for now, or never with this address.

    Args:
        dsn: What is connected to; empty while a pool connects by itself, which does not say why it cannot.

    Raises:
        ConfigurationError: The server refuses account, password or database.
        ExternalServiceError: The database failed.
    """
    try:
        yield
    except psycopg.Error as error:
        refusal = find_refusal(error, _show(dsn)) if dsn else None
        raise refusal or ExternalServiceError(f"checkpoints: {error}") from error


async def _open_pool(pool: Pool, dsn: str) -> None:
    try:
        await pool.open(wait=True, timeout=CONNECT_SECONDS)
    except PoolTimeout:
        # A pool keeps to itself why it does not connect.
        await (await AsyncConnection.connect(dsn, **_SESSION)).close()
        raise


def _show(dsn: str) -> str:
    parts = {"user": "", "host": "local", "port": 5432, "dbname": ""} | conninfo_to_dict(dsn)
    return f"checkpoints: postgresql+psycopg://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"


async def _refuse_old_tables(pool: Pool) -> None:
    async with pool.connection() as connection:
        wanted = {"there": True}, {"version": len(AsyncPostgresSaver.MIGRATIONS) - 1}
        for question, answer in zip((_HAS_TABLES, _VERSION), wanted, strict=True):
            if await (await connection.execute(question)).fetchone() != answer:
                raise ConfigurationError("the database of the checkpoints is not prepared; run `tradeops migrate`")


def _wait_for_turn(connection: Connection[DictRow]) -> None:
    # Not by a statement that waits: an index that is made concurrently would wait for it in turn.
    until = time.monotonic() + WAIT_SECONDS
    while connection.execute(_TRY_LOCK).fetchone() != {"taken": True}:
        if time.monotonic() > until:
            raise ExternalServiceError("checkpoints: another process has prepared the database for too long")
        time.sleep(0.05)
