"""Whoever waits for a commit finds its rows durable, and many wait for one."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import aiosqlite
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint

from graphs.checkpoints import open_saver
from graphs.group_commit import GroupCommit

WRITERS = 12


class SlowDisk:
    """A connection on which a commit takes a few turns of the loop and keeps what was executed when it began."""

    def __init__(self, turns: int, failures: int = 0) -> None:
        self.turns, self.failures = turns, failures
        self.executed: set[int] = set()
        self.durable: set[int] = set()
        self.commits = 0

    async def commit(self) -> None:
        kept = set(self.executed)
        self.commits += 1
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.commits <= self.failures:
            raise sqlite3.OperationalError("disk full")
        self.durable |= kept


class JoiningCommit(GroupCommit):
    """Takes the commit that is on its way for its own."""

    async def commit(self) -> None:
        if self._one_at_a_time.locked():
            async with self._one_at_a_time:
                return
        await super().commit()


async def write(disk: SlowDisk, commit: GroupCommit, row: int, start: int) -> bool:
    """Whether the row is durable when the writer goes on."""
    for _ in range(start):
        await asyncio.sleep(0)
    disk.executed.add(row)
    await commit.commit()
    return row in disk.durable


async def write_all(disk: SlowDisk, commit: GroupCommit, starts: Sequence[int]) -> list[bool | BaseException]:
    writers = (write(disk, commit, row, start) for row, start in enumerate(starts))
    return await asyncio.gather(*writers, return_exceptions=True)


def open_commit(disk: SlowDisk, kind: type[GroupCommit] = GroupCommit) -> GroupCommit:
    return kind(cast("aiosqlite.Connection", disk))


@given(starts=st.lists(st.integers(0, 30), max_size=20), turns=st.integers(0, 8))
def test_every_row_is_durable_when_its_commit_returns(starts: list[int], turns: int) -> None:
    disk = SlowDisk(turns)
    assert asyncio.run(write_all(disk, open_commit(disk), starts)) == [True] * len(starts)
    assert disk.commits <= len(starts)


def test_mutant_that_joins_a_commit_on_its_way_is_found() -> None:
    disk = SlowDisk(turns=5)
    assert asyncio.run(write_all(disk, open_commit(disk, JoiningCommit), [0, 3])) == [True, False]


def test_writers_that_come_at_once_share_two_commits() -> None:
    disk = SlowDisk(turns=5)
    asyncio.run(write_all(disk, open_commit(disk), [0] * WRITERS))
    assert disk.commits <= 2


def test_a_commit_that_fails_is_told_to_its_writer_and_the_others_commit_themselves() -> None:
    disk = SlowDisk(turns=5, failures=1)
    first, *others = asyncio.run(write_all(disk, open_commit(disk), [0, 1, 2]))

    assert isinstance(first, sqlite3.OperationalError)
    assert others == [True, True]


def count_rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        (rows,) = connection.execute("SELECT COUNT(*) FROM writes").fetchone()
    return int(rows)


async def write_real(path: Path) -> int:
    async with open_saver(f"sqlite:///{path}") as saver:
        assert saver is not None
        place = RunnableConfig(configurable={"thread_id": "one", "checkpoint_ns": ""})
        place = await saver.aput(place, empty_checkpoint(), {}, {})
        await asyncio.gather(*(saver.aput_writes(place, [("opinions", n)], f"task {n}") for n in range(WRITERS)))
        found = await saver.aget_tuple(place)
        assert found is not None
        assert sorted(value for _, _, value in found.pending_writes or ()) == list(range(WRITERS))
        return count_rows(path)


def test_writes_of_a_fan_out_are_seen_by_another_connection_as_soon_as_they_are_told_kept(tmp_path: Path) -> None:
    assert asyncio.run(write_real(tmp_path / "checkpoints.db")) == WRITERS


def test_mutant_that_commits_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(self: GroupCommit) -> None:
        pass

    monkeypatch.setattr(GroupCommit, "commit", forget)
    assert asyncio.run(write_real(tmp_path / "checkpoints.db")) == 0
