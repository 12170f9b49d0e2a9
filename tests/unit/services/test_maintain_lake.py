"""Upkeep of the lake: every table asked for, and a week's grace unless somebody insists."""

from datetime import timedelta

import pytest

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.lake_tables import BARS_TABLE, MACRO_TABLE, TABLES, LakeTable
from tradeops.ports.lake import LEAST_KEPT, Compacted
from tradeops.services.maintain_lake import TARGET_BYTES, compact_lake, vacuum_lake


class Recording:
    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    def compact(self, table: LakeTable, *, target_bytes: int) -> Compacted:
        self.calls.append((table.name, target_bytes))
        return Compacted(before=3, after=1)

    def vacuum(self, table: LakeTable, *, kept: timedelta) -> int:
        self.calls.append((table.name, kept))
        return 2


def test_each_table_is_compacted() -> None:
    lake = Recording()
    assert compact_lake(lake, TABLES.values()) == dict.fromkeys(TABLES, Compacted(before=3, after=1))
    assert lake.calls == [(name, TARGET_BYTES) for name in TABLES]


def test_files_stay_for_a_week() -> None:
    lake = Recording()
    assert vacuum_lake(lake, [BARS_TABLE, MACRO_TABLE]) == {"bars": 2, "macro_releases": 2}
    assert lake.calls == [("bars", LEAST_KEPT), ("macro_releases", LEAST_KEPT)]
    assert timedelta(days=7) == LEAST_KEPT


def test_less_than_a_week_has_to_be_forced() -> None:
    lake, short = Recording(), timedelta(days=6, hours=23)
    with pytest.raises(ConfigurationError, match="--force"):
        vacuum_lake(lake, [BARS_TABLE], kept=short)
    assert lake.calls == []
    vacuum_lake(lake, [BARS_TABLE], kept=short, forced=True)
    assert lake.calls == [("bars", short)]
