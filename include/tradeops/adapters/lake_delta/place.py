"""Where tables lie: what a folder and a bucket do differently."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import polars as pl
from deltalake import DeltaTable, PostCommitHookProperties

from tradeops.domain.errors import TradeOpsError
from tradeops.domain.lake_tables import LakeTable


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows that no commit names yet; `size` in bytes, `written_at` in milliseconds."""

    name: str
    size: int
    written_at: int


class Place(Protocol):
    """Keeps data files; Delta keeps the log beside them."""

    @property
    def delta_options(self) -> dict[str, str] | None:
        """How Delta reaches it."""
        ...

    @property
    def polars_options(self) -> dict[str, object] | None:
        """How polars reaches it."""
        ...

    @property
    def configuration(self) -> Mapping[str, str | None]:
        """Properties of a new table."""
        ...

    @property
    def hooks(self) -> PostCommitHookProperties:
        """What Delta does after a commit."""
        ...

    def url(self, table: LakeTable) -> str:
        """The table, as Delta opens it."""
        ...

    def file(self, table: LakeTable, name: str) -> str:
        """A data file, as polars reads it."""
        ...

    def turn(self, table: LakeTable) -> AbstractContextManager[None]:
        """Alone among all writers, where the place has a lock; else their commits must fail when they meet."""
        ...

    def open(self, table: LakeTable) -> DeltaTable | None:
        """The table at its newest version; None before the first append."""
        ...

    def write(self, table: LakeTable, stem: str, rows: pl.DataFrame) -> DataFile:
        """Write rows durably into a file whose name begins with `stem`."""
        ...

    def make_durable(self, table: LakeTable, after: int) -> None:
        """Return when commits after a version are durable."""
        ...

    def explain(self, table: LakeTable, error: Exception) -> TradeOpsError:
        """What an error of a library means."""
        ...
