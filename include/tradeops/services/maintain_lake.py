"""Keeps the lake quick and small while others read and seal."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.lake_tables import LakeTable
from tradeops.ports.lake import LEAST_KEPT, Compacted, LakeUpkeep

TARGET_BYTES: Final = 64 * 1024 * 1024


def compact_lake(lake: LakeUpkeep, tables: Iterable[LakeTable]) -> Mapping[str, Compacted]:
    """Rewrite neighbouring small files of each table as one; rows and their order stay.

    Returns:
        How many files became how many, by table.
    """
    return {table.name: lake.compact(table, target_bytes=TARGET_BYTES) for table in tables}


def vacuum_lake(
    lake: LakeUpkeep, tables: Iterable[LakeTable], *, kept: timedelta = LEAST_KEPT, forced: bool = False
) -> Mapping[str, int]:
    """Delete files that nobody who began to read in the last `kept` needs.

    Args:
        lake: Where.
        tables: Which.
        kept: How long such files stay.
        forced: Allow less than `LEAST_KEPT`. Nothing is lost then either, but a program that reads the
            tables without this one may find a file gone.

    Returns:
        How many files were deleted, by table.

    Raises:
        ConfigurationError: `kept` is less, and that is not forced.
    """
    if kept < LEAST_KEPT and not forced:
        raise ConfigurationError(
            f"files stay for {LEAST_KEPT.days} days, for those who still read them; to keep them only for {kept} "
            "take --force"
        )
    return {table.name: lake.vacuum(table, kept=max(kept, timedelta(0))) for table in tables}
