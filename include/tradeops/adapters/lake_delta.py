"""The lake as Delta tables in a folder."""

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.schema import ArrayType, PrimitiveType
from deltalake.transaction import AddAction

from tradeops.domain.errors import DataError, ExternalServiceError
from tradeops.domain.lake_tables import ColumnType, LakeTable
from tradeops.ports.lake import frame_schema

MOST_RETRIES = 5
LONGEST_WAIT_SECONDS = 30.0

_TYPES: dict[ColumnType, PrimitiveType | ArrayType] = {
    ColumnType.TEXT: PrimitiveType("string"),
    ColumnType.DATE: PrimitiveType("date"),
    ColumnType.TIME: PrimitiveType("timestamp"),
    ColumnType.MONEY: PrimitiveType("decimal(20,8)"),
    ColumnType.FLOAT: PrimitiveType("double"),
    ColumnType.FLOATS: ArrayType(PrimitiveType("double"), contains_null=True),
    ColumnType.INTEGER: PrimitiveType("long"),
}
# A checkpoint could not be synced before readers rely on it.
_NO_CHECKPOINT = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class DeltaLake:
    """`Lake` in a folder of a local disk, one Delta table in a sub-folder each.

    Delta records a writer's version but accepts it twice, and syncs nothing. So check and commit
    happen under a file lock beside the table, which holds between processes of one host, and rows
    are on the disk before the commit that names them.

    Processes may share the folder. It holds nothing open, but its libraries keep threads: a process
    that has used it must not fork children that use it too.

    Args:
        folder: Made at the first append.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sealed_version(self, table: LakeTable, writer: str) -> int:
        """Last version that a writer appended with; -1 before the first."""
        with _telling(self._folder / table.name):
            opened = self._open(table)
            return -1 if opened is None else _version_of(opened, writer)

    def append(
        self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None = None
    ) -> bool:
        """Append rows once, durably; see the port.

        Raises:
            ExternalServiceError: The disk does not take them, or another process writes for too long.
        """
        checked = _check_rows(table, rows)
        folder = self._folder / table.name
        with _telling(folder), self._turn(table):
            opened = self._open(table) or self._create(table)
            stands = _version_of(opened, writer)
            if stands >= version or (after is not None and stands != after):
                return False
            data = folder / f"{opened.version() + 1:020d}-{re.sub('[^A-Za-z0-9.]+', '-', writer)}.parquet"
            _write_data(data, checked)
            _commit(opened, data, checked.height, Transaction(writer, version))
            _sync_log(folder / "_delta_log", opened.version())
        return True

    def read(
        self,
        table: LakeTable,
        *,
        columns: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> pl.DataFrame:
        """Rows in the table's order, in memory; see the port."""
        wanted = list(table.columns if columns is None else columns)
        bounds = _bound_sessions(first, last)
        needed = {*wanted, *table.order} | ({"session"} if bounds else set())
        if not needed <= set(table.columns):
            raise DataError(f"table {table.name} has no column {', '.join(sorted(needed - set(table.columns)))}")
        folder = self._folder / table.name
        with _telling(folder):
            opened = self._open(table)
            # Only the last part: Delta writes a space in the folder's name as %20.
            files = [] if opened is None else sorted(folder / Path(uri).name for uri in opened.file_uris())
            if not files:
                return pl.DataFrame(schema=frame_schema(table)).select(wanted)
            rows = pl.read_parquet(files, columns=[name for name in table.columns if name in needed])
        return rows.filter(*bounds).sort(table.order, maintain_order=True).select(wanted)

    def _open(self, table: LakeTable) -> DeltaTable | None:
        folder = self._folder / table.name
        return DeltaTable(folder) if DeltaTable.is_deltatable(str(folder)) else None

    def _create(self, table: LakeTable) -> DeltaTable:
        folder = self._folder / table.name
        schema = Schema([Field(name, _TYPES[kind]) for name, kind in table.columns.items()])
        created = DeltaTable.create(folder, schema)
        _sync_log(folder / "_delta_log", -1)
        for parent in (folder, self._folder, self._folder.parent):
            _sync(parent)
        return created

    @contextmanager
    def _turn(self, table: LakeTable) -> Iterator[None]:
        """Alone among all processes of this host; the lock ends with its process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{table.name}.lock").open("w") as file:
            _lock(file.fileno(), table)
            yield


def _bound_sessions(first: date | None, last: date | None) -> list[pl.Expr]:
    at_least = [] if first is None else [pl.col("session") >= first]
    return at_least if last is None else [*at_least, pl.col("session") <= last]


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


def _check_rows(table: LakeTable, rows: pl.DataFrame) -> pl.DataFrame:
    schema = frame_schema(table)
    if dict(rows.schema) != schema:
        strange = sorted(set(rows.schema.items()) ^ set(schema.items()), key=str)
        raise DataError(f"rows for table {table.name} differ in columns {strange}; take frame_schema", table=table.name)
    empty = [column.name for column in rows if column.null_count()]
    if empty:
        raise DataError(f"rows for table {table.name} lack values of {', '.join(empty)}", table=table.name)
    return rows.select(list(schema))


def _version_of(opened: DeltaTable, writer: str) -> int:
    version = opened.transaction_version(writer)
    return -1 if version is None else version


def _write_data(path: Path, rows: pl.DataFrame) -> None:
    # What a killed process left under this name was never committed.
    with path.open("wb") as file:
        rows.write_parquet(file)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _commit(opened: DeltaTable, data: Path, count: int, transaction: Transaction) -> None:
    stat = data.stat()
    statistics = json.dumps({"numRecords": count})
    added = AddAction(data.name, stat.st_size, {}, int(stat.st_mtime * 1000), True, statistics)
    opened.create_write_transaction(
        [added],
        "append",
        opened.schema(),
        commit_properties=CommitProperties(max_commit_retries=MOST_RETRIES, app_transactions=[transaction]),
        post_commithook_properties=_NO_CHECKPOINT,
    )


def _sync_log(log: Path, before: int) -> None:
    for path in log.glob("*.json"):
        if int(path.stem) > before:
            _sync(path)
    _sync(log)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise ExternalServiceError(f"{folder} cannot be used as a table: {reason}", folder=str(folder)) from error
