"""Tables in a folder of a local disk."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl
from deltalake import DeltaTable, PostCommitHookProperties

from tradeops.adapters.durable_files import sync_path
from tradeops.adapters.lake_delta.place import DataFile
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.lake_tables import LakeTable

LONGEST_WAIT_SECONDS = 30.0


class Folder:
    """`Place` with a file lock a table, which holds between processes of one host and ends with its process.

    Rows are on the disk before the commit that names them, and the commit before an append returns.

    Args:
        folder: Made at the first append.
    """

    delta_options: Final = None
    polars_options: Final = None
    configuration: Final[Mapping[str, str | None]] = {}
    # A checkpoint could not be synced before readers rely on it.
    hooks: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, table: LakeTable) -> str:
        """The table's own folder; see `Place`."""
        return str(self._folder / table.name)

    def file(self, table: LakeTable, name: str) -> str:
        """A path; see `Place`."""
        return str(self._folder / table.name / name)

    @contextmanager
    def turn(self, table: LakeTable) -> Iterator[None]:
        """Hold the table's lock; see `Place`.

        Raises:
            ExternalServiceError: Another process holds it for too long.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{table.name}.lock").open("w") as file:
            _lock(file.fileno(), table)
            yield

    def open(self, table: LakeTable) -> DeltaTable | None:
        """The table at its newest version; see `Place`."""
        folder = self._folder / table.name
        return DeltaTable(folder) if DeltaTable.is_deltatable(str(folder)) else None

    def write(self, table: LakeTable, stem: str, rows: pl.DataFrame) -> DataFile:
        """Write a file and sync it; see `Place`."""
        # What a killed process left under this name was never committed.
        path = self._folder / table.name / f"{stem}.parquet"
        with path.open("wb") as file:
            rows.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        sync_path(path.parent)
        stat = path.stat()
        return DataFile(path.name, stat.st_size, int(stat.st_mtime * 1000))

    def make_durable(self, table: LakeTable, after: int) -> None:
        """Sync what was committed; see `Place`."""
        log = self._folder / table.name / "_delta_log"
        for path in log.glob("*.json"):
            if int(path.stem) > after:
                sync_path(path)
        sync_path(log)
        if after < 0:
            for parent in (log.parent, self._folder, self._folder.parent):
                sync_path(parent)

    def explain(self, table: LakeTable, error: Exception) -> ExternalServiceError:
        """The disk, or a damaged table; see `Place`."""
        folder, reason = self._folder / table.name, str(error).partition("\n")[0]
        return ExternalServiceError(f"{folder} cannot be used as a table: {reason}", folder=str(folder))


def _lock(handle: int, table: LakeTable) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                waited = f"{LONGEST_WAIT_SECONDS:.0f} s"
                raise ExternalServiceError(f"another process writes table {table.name} for {waited}") from error
        time.sleep(0.005)
