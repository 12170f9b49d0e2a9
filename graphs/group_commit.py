"""One commit for all whose rows are waiting for one, on a connection that tasks of one event loop share."""

import asyncio
from contextlib import nullcontext
from typing import Any, cast

from aiosqlite import Connection
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


class GroupCommit:
    """A connection whose `commit` returns as soon as a commit that began after it was asked has ended.

    Whoever asks while another commit is on its way waits for that one and shares the next.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._one_at_a_time = asyncio.Lock()
        self._asked = 0
        self._durable = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def commit(self) -> None:
        """Make durable what this connection has executed so far."""
        self._asked += 1
        own = self._asked
        async with self._one_at_a_time:
            if own > self._durable:
                asked = self._asked
                await self._connection.commit()
                self._durable = asked


async def commit_in_groups(saver: AsyncSqliteSaver) -> None:
    """Let what is written at the same time share commits: a step's results, its checkpoint, a fan-out's answers.

    A saver lets one writer after the other insert and commit. Each insert is one statement, so only commits need an
    order; a thread's deletion, which is two, may become durable by halves and is repeated by whoever runs it again.
    """
    await saver.setup()
    saver.conn = cast("Connection", GroupCommit(saver.conn))
    saver.lock = cast("asyncio.Lock", nullcontext())
