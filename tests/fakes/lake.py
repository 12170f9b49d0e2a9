"""A lake in memory."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from tradeops.domain.errors import DataError
from tradeops.domain.lake_tables import LakeTable
from tradeops.ports.lake import Compacted, frame_schema


class InMemoryLake:
    def __init__(self) -> None:
        self._batches: dict[str, list[tuple[str, int, pl.DataFrame]]] = {}

    def sealed_version(self, table: LakeTable, writer: str) -> int:
        versions = [version for name, version, _ in self._batches.get(table.name, []) if name == writer]
        return max(versions, default=-1)

    def append(
        self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None = None
    ) -> bool:
        if sorted(rows.schema.items(), key=str) != sorted(frame_schema(table).items(), key=str):
            raise DataError(f"these are no rows of {table.name}")
        if rows.null_count().sum_horizontal().sum():
            raise DataError(f"a value is missing among rows of {table.name}")
        stands = self.sealed_version(table, writer)
        if stands >= version or after not in (None, stands):
            return False
        self._batches.setdefault(table.name, []).append((writer, version, rows.select(list(table.columns))))
        return True

    def read(
        self,
        table: LakeTable,
        *,
        columns: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> pl.DataFrame:
        if not set(columns or ()) <= set(table.columns):
            raise DataError(f"{table.name} has not all of {columns}")
        if (first or last) and "session" not in table.columns:
            raise DataError(f"{table.name} has no sessions")
        rows = pl.concat(
            [pl.DataFrame(schema=frame_schema(table)), *(b for *_, b in self._batches.get(table.name, []))]
        )
        for bound, keeps in ((first, "ge"), (last, "le")):
            if bound is not None:
                rows = rows.filter(getattr(pl.col("session"), keeps)(bound))
        return rows.sort(table.order, maintain_order=True).select(list(columns or table.columns))

    def compact(self, table: LakeTable, *, target_bytes: int) -> Compacted:
        """Batches are what files are elsewhere; the versions of their writers stay."""
        batches = self._batches.get(table.name, [])
        if len(batches) < 2 or sum(rows.estimated_size() for *_, rows in batches) > target_bytes:
            return Compacted(before=0, after=0)
        none = pl.DataFrame(schema=frame_schema(table))
        merged = pl.concat([rows for *_, rows in batches])
        self._batches[table.name] = [(writer, version, none) for writer, version, _ in batches] + [("", 0, merged)]
        return Compacted(before=len(batches), after=1)

    def vacuum(self, table: LakeTable, *, kept: timedelta) -> int:
        return 0
