"""Opens a checkpoint saver from a URL, and prepares a server's database for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graphs.group_commit import commit_in_groups
from tradeops.domain.errors import ConfigurationError

SQLITE: Final = "sqlite:///"
POSTGRES: Final = "postgresql+psycopg://"


@asynccontextmanager
async def open_saver(url: str | None) -> AsyncIterator[BaseCheckpointSaver[str] | None]:
    """Open the saver of a URL for the life of one event loop; None keeps no checkpoints.

    Raises:
        ConfigurationError: The URL's scheme is not known, or nobody prepared its database.
        ExternalServiceError: The database does not answer.
    """
    if url is None:
        yield None
    elif _is_server(url):
        # Nobody who works on one host waits for the import of a server's driver.
        from graphs.postgres_checkpoints import open_postgres_saver  # noqa: PLC0415

        async with open_postgres_saver(_read_dsn(url)) as on_server:
            yield on_server
    else:
        async with _open_sqlite_saver(url) as on_file:
            yield on_file


def prepare_checkpoints(url: str) -> None:
    """Make or upgrade a server's tables, once for all who use it; on SQLite a saver makes its tables itself.

    Raises:
        ConfigurationError: The URL's scheme is not known.
        ExternalServiceError: The database does not answer.
    """
    if _is_server(url):
        from graphs.postgres_checkpoints import prepare_tables  # noqa: PLC0415

        prepare_tables(_read_dsn(url))


@asynccontextmanager
async def _open_sqlite_saver(url: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    path = Path(url.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        await saver.conn.execute("PRAGMA busy_timeout = 30000")
        await commit_in_groups(saver)
        yield saver


def _is_server(url: str) -> bool:
    if not url.startswith((SQLITE, POSTGRES)):
        scheme = url.partition(":")[0]
        raise ConfigurationError(f"checkpoints URL has scheme {scheme!r}; it must begin with {SQLITE} or {POSTGRES}")
    return url.startswith(POSTGRES)


def _read_dsn(url: str) -> str:
    return url.replace(POSTGRES, "postgresql://", 1)
