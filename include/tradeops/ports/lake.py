"""The columnar history for replay and training: append-only tables, each batch written once."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

import polars as pl

from tradeops.domain.lake_tables import LakeTable


class Lake(Protocol):
    """Tables of the catalogue; one object serves one thread of one process."""

    def sealed_version(self, table: LakeTable, writer: str) -> int:
        """Last version that a writer appended with; -1 before the first."""
        ...

    def append(self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int) -> bool:
        """Append rows and the writer's version in one commit, durable when it returns.

        Args:
            table: Where to.
            rows: Columns of the table.
            writer: As `seal:market.bars:0`.
            version: Rises with each append of that writer.

        Returns:
            False, and nothing is written, when the writer's `version` or a later one is there already.

        Raises:
            DataError: The rows do not have the table's columns.
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
        """
        ...
