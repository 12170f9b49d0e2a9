"""Opens a checkpoint saver from a URL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from tradeops.domain.errors import ConfigurationError

SQLITE = "sqlite:///"


@asynccontextmanager
async def open_saver(url: str | None) -> AsyncIterator[BaseCheckpointSaver[str] | None]:
    """Open the saver of a URL for the life of one event loop; None keeps no checkpoints.

    Raises:
        ConfigurationError: The URL's scheme is not known.
    """
    if url is None:
        yield None
        return
    if not url.startswith(SQLITE):
        raise ConfigurationError(f"checkpoints URL {url!r} must begin with {SQLITE}", url=url)
    path = Path(url.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        await saver.conn.execute("PRAGMA busy_timeout = 30000")
        yield saver
