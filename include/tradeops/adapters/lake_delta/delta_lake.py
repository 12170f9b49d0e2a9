"""The lake as Delta tables: appended once, compacted and vacuumed while others read and write."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from math import ceil
from pathlib import Path
from secrets import randbelow
from typing import Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from tradeops.adapters.lake_delta.folder import Folder
from tradeops.adapters.lake_delta.place import DataFile, Place
from tradeops.adapters.lake_delta.rows import bound_sessions, check_rows, make_schema
from tradeops.adapters.lake_delta.upkeep import ActiveFile, choose_groups, list_files
from tradeops.domain.errors import DataError, ExternalServiceError
from tradeops.domain.lake_tables import LakeTable
from tradeops.ports.lake import LEAST_KEPT, Compacted, frame_schema

MOST_TRIES: Final = 30
MOST_READS: Final = 3
LONGEST_PAUSE_MILLISECONDS: Final = 100

_Action = AddAction | RemoveAction
_Commit = tuple[list[_Action], list[Transaction]]


class DeltaLake:
    """`Lake` in Delta tables, one in each sub-folder of a folder or bucket.

    Delta records a writer's version but accepts it twice. So each try to commit looks at that version first and asks
    to be the very next commit after what it saw: whoever lost looks again. In a folder a lock makes writers wait for
    each other, and everything is synced to the disk.

    Processes may share the place. It holds nothing open, but its libraries keep threads: a process
    that has used it must not fork children that use it too.

    Args:
        place: A folder of a local disk, or a bucket.
    """

    def __init__(self, place: Path | Place) -> None:
        chosen: Place = Folder(place) if isinstance(place, Path) else place
        self._place: Final = chosen

    def sealed_version(self, table: LakeTable, writer: str) -> int:
        """Last version that a writer appended with; -1 before the first."""
        with self._telling(table):
            opened = self._place.open(table)
            return -1 if opened is None else _version_of(opened, writer)

    def append(
        self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None = None
    ) -> bool:
        """Append rows once, durably; see the port.

        False is also the answer when this call's own commit was taken, but its confirmation got lost.

        Raises:
            ExternalServiceError: The storage does not take them, or others write all the time.
        """
        checked = check_rows(table, rows)
        written: list[DataFile] = []

        def prepare(opened: DeltaTable) -> _Commit | None:
            stands = _version_of(opened, writer)
            if stands >= version or (after is not None and stands != after):
                return None
            if not written:
                stem = f"{opened.version() + 1:020d}-{re.sub('[^A-Za-z0-9.]+', '-', writer)}"
                written.append(self._place.write(table, stem, checked))
            return [_add(written[0], checked.height)], [Transaction(writer, version)]

        with self._telling(table), self._place.turn(table):
            return self._commit(table, prepare)

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
        bounds = bound_sessions(first, last)
        needed = {*wanted, *table.order} | ({"session"} if bounds else set())
        if not needed <= set(table.columns):
            raise DataError(f"table {table.name} has no column {', '.join(sorted(needed - set(table.columns)))}")
        rows = self._read_newest(table, [name for name in table.columns if name in needed])
        return rows.filter(*bounds).sort(table.order, maintain_order=True).select(wanted)

    def compact(self, table: LakeTable, *, target_bytes: int) -> Compacted:
        """Rewrite neighbouring small files as one; see the port."""
        with self._telling(table), self._place.turn(table):
            opened = self._place.open(table)
            groups = [] if opened is None else choose_groups(list_files(opened), target_bytes)
            actions = [action for group in groups for action in self._merge(table, group)]
            gone = {file.name for group in groups for file in group}

            def prepare(opened: DeltaTable) -> _Commit | None:
                # Another compaction may have been faster; a vacuum takes what was written here.
                return (actions, []) if gone <= {file.name for file in list_files(opened)} else None

            if groups and self._commit(table, prepare):
                return Compacted(before=len(gone), after=len(groups))
        return Compacted(before=0, after=0)

    def vacuum(self, table: LakeTable, *, kept: timedelta) -> int:
        """Delete files that no reader of the last `kept` needs; see the port."""
        with self._telling(table), self._place.turn(table):
            opened = self._place.open(table)
            if opened is None:
                return 0
            before = opened.version()
            deleted = opened.vacuum(
                retention_hours=ceil(kept / timedelta(hours=1)),
                dry_run=False,
                enforce_retention_duration=False,
                # A younger file that no commit names may be one that is about to be committed.
                full=kept >= LEAST_KEPT,
                post_commithook_properties=self._place.hooks,
            )
            self._place.make_durable(table, before)
        return len(deleted)

    def _read_newest(
        self, table: LakeTable, columns: Sequence[str], before: Sequence[str] = (), tries: int = 1
    ) -> pl.DataFrame:
        with self._telling(table):
            opened = self._place.open(table)
            names = [] if opened is None else [file.name for file in list_files(opened)]
            if not names:
                return pl.DataFrame(schema=frame_schema(table)).select(columns)
            try:
                return self._read_files(table, names, columns)
            except (OSError, pl.exceptions.PolarsError):
                # Compacted and vacuumed since the log was read, unless the log still names the same files.
                if names == before or tries >= MOST_READS:
                    raise
        return self._read_newest(table, columns, names, tries + 1)

    def _read_files(self, table: LakeTable, names: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
        return pl.read_parquet(
            [self._place.file(table, name) for name in names],
            columns=list(columns),
            glob=False,
            storage_options=self._place.polars_options,
            credential_provider=None,
        )

    def _merge(self, table: LakeTable, group: Sequence[ActiveFile]) -> Iterator[_Action]:
        """One file in place of neighbours; its name stands where theirs stood, so rows keep their order."""
        rows = self._read_files(table, [file.name for file in group], list(table.columns))
        stem = f"{group[-1].name.removesuffix('.parquet')}~"
        merged = self._place.write(table, stem, rows)
        yield _add(merged, rows.height, changes_data=False)
        for file in group:
            yield RemoveAction(file.name, False, merged.written_at, file.size)

    def _create(self, table: LakeTable) -> DeltaTable:
        try:
            DeltaTable.create(
                self._place.url(table),
                make_schema(table),
                storage_options=self._place.delta_options,
                configuration=dict(self._place.configuration) or None,
            )
        except DeltaError:
            opened = self._place.open(table)
            if opened is None:
                raise
            return opened  # another process made it meanwhile
        self._place.make_durable(table, -1)
        opened = self._place.open(table)
        if opened is None:
            raise DeltaError(f"{self._place.url(table)} was made and is not there")
        return opened

    def _commit(self, table: LakeTable, prepare: Callable[[DeltaTable], _Commit | None]) -> bool:
        """Commit what fits the newest version, and decide anew whenever another commit came first."""
        failed: CommitFailedError | None = None
        for _ in range(MOST_TRIES):
            opened = self._place.open(table) or self._create(table)
            prepared = prepare(opened)
            if prepared is None:
                return False
            try:
                _commit(opened, prepared, self._place)
            except CommitFailedError as error:
                failed = error
                time.sleep(randbelow(LONGEST_PAUSE_MILLISECONDS) / 1000)
                continue
            self._place.make_durable(table, opened.version())
            return True
        raise ExternalServiceError(
            f"{MOST_TRIES} commits to table {table.name} failed, as if others commit all the time: {failed}"
        ) from failed

    @contextmanager
    def _telling(self, table: LakeTable) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
            raise self._place.explain(table, error) from error


def _version_of(opened: DeltaTable, writer: str) -> int:
    version = opened.transaction_version(writer)
    return -1 if version is None else version


def _add(data: DataFile, count: int, *, changes_data: bool = True) -> AddAction:
    statistics = json.dumps({"numRecords": count})
    return AddAction(data.name, data.size, {}, data.written_at, changes_data, statistics)


def _commit(opened: DeltaTable, prepared: _Commit, place: Place) -> None:
    """Commit as the very next version, or not at all."""
    actions, transactions = prepared
    opened.create_write_transaction(
        actions,
        "append",
        opened.schema(),
        commit_properties=CommitProperties(max_commit_retries=0, app_transactions=transactions),
        post_commithook_properties=place.hooks,
    )
