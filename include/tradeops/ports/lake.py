"""The columnar history for replay and training: append-only tables, each batch written once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import polars as pl

from tradeops.domain.lake_tables import ColumnType, LakeTable

_FRAME_TYPES: Mapping[ColumnType, pl.DataType] = {
    ColumnType.TEXT: pl.String(),
    ColumnType.DATE: pl.Date(),
    ColumnType.TIME: pl.Datetime("us", "UTC"),
    ColumnType.MONEY: pl.Decimal(20, 8),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.FLOATS: pl.List(pl.Float64()),
    ColumnType.INTEGER: pl.Int64(),
}

# How long files that a commit took out, or that no commit names yet, stay for those who still use them.
LEAST_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """How many files became how many."""

    before: int
    after: int


def frame_schema(table: LakeTable) -> dict[str, pl.DataType]:
    """Types of the columns of a frame that holds rows of the table, in the order stored.

    A frame made from decimals with more than eight digits after the point rounds them silently.
    """
    return {name: _FRAME_TYPES[kind] for name, kind in table.columns.items()}


class Lake(Protocol):
    """Tables of the catalogue; one object serves one thread of one process."""

    def sealed_version(self, table: LakeTable, writer: str) -> int:
        """Last version that a writer appended with; -1 before the first."""
        ...

    def append(
        self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None = None
    ) -> bool:
        """Append rows and the writer's version in one commit, durable when it returns.

        Args:
            table: Where to.
            rows: Columns of the table.
            writer: As `seal:market.bars:0`.
            version: Rises with each append of that writer.
            after: Version that the writer must stand at; None does not ask. Whoever chose the rows
                by what was there before needs it: another process may have appended since.

        Returns:
            False, and nothing is written, when the writer's `version` or a later one is there
            already, or the writer does not stand at `after`.

        Raises:
            DataError: The rows do not have the table's columns, or lack a value.
        """
        ...

    def read(
        self,
        table: LakeTable,
        *,
        columns: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> pl.DataFrame:
        """Rows in the table's order, in memory; no rows when nothing was ever written.

        Args:
            table: Which table.
            columns: Those wanted; all by default.
            first: Of `session`, for tables that have one.
            last: Of `session`, for tables that have one.

        Raises:
            DataError: The table has no such column, or no `session` to select by.
        """
        ...


class LakeUpkeep(Protocol):
    """What keeps tables of many small appends quick; others may read and append meanwhile."""

    def compact(self, table: LakeTable, *, target_bytes: int) -> Compacted:
        """Rewrite neighbouring files as one where they are at most `target_bytes` together; rows and order stay."""
        ...

    def vacuum(self, table: LakeTable, *, kept: timedelta) -> int:
        """Delete files that were taken out by a commit more than `kept` ago, and say how many.

        With at least `LEAST_KEPT` also files as old that no commit ever named. With less, a reader who
        began before a file was taken out may have to begin again, which `Lake.read` does by itself.
        """
        ...
