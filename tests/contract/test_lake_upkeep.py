"""Compaction and vacuum lose and double nothing, whoever reads and appends meanwhile."""

import multiprocessing as mp
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from deltalake import DeltaTable

from tests.contract.test_lake import DAYS, WRITER, make_bars, make_features
from tests.fakes.lake import InMemoryLake
from tests.servers.s3 import long_s3_limits
from tradeops.adapters.lake_delta import DeltaLake, delta_lake
from tradeops.adapters.lake_delta.upkeep import ActiveFile, choose_groups
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.lake_tables import BARS_TABLE, FEATURES_TABLE, MACRO_TABLE, LakeTable
from tradeops.ports.lake import LEAST_KEPT, Compacted

ALL = 1 << 30
HANG_SECONDS = 300
NOTHING = Compacted(before=0, after=0)


@pytest.fixture(params=["delta", "bucket"])
def lake(request: pytest.FixtureRequest) -> DeltaLake:
    found: DeltaLake = request.getfixturevalue(request.param)
    return found


def fill(lake: DeltaLake | InMemoryLake, appends: int, first: int = 0) -> None:
    for number in range(first, first + appends):
        rows = make_bars(("A", DAYS[number % 4]), offset=number)
        assert lake.append(BARS_TABLE, rows, writer=WRITER, version=number)


def offsets_of(lake: DeltaLake) -> list[int]:
    return sorted(lake.read(BARS_TABLE, columns=["log_offset"])["log_offset"])


def check_upkeep_changes_nothing(lake: DeltaLake | InMemoryLake) -> None:
    """Rows, their order and the versions of their writers are as before; an append goes on."""
    fill(lake, 6)
    before = lake.read(BARS_TABLE)
    assert lake.compact(BARS_TABLE, target_bytes=ALL) == Compacted(before=6, after=1)
    lake.vacuum(BARS_TABLE, kept=timedelta(0))
    assert lake.read(BARS_TABLE).equals(before)
    assert lake.sealed_version(BARS_TABLE, WRITER) == 5
    assert not lake.append(BARS_TABLE, before, writer=WRITER, version=5)
    fill(lake, 1, first=6)
    assert lake.read(BARS_TABLE).height == 7


def test_upkeep_changes_nothing(lake: DeltaLake) -> None:
    check_upkeep_changes_nothing(lake)
    assert lake.compact(BARS_TABLE, target_bytes=ALL) == Compacted(before=2, after=1)
    assert lake.compact(BARS_TABLE, target_bytes=ALL) == NOTHING


def test_upkeep_of_the_fake_changes_nothing() -> None:
    check_upkeep_changes_nothing(InMemoryLake())


def test_what_was_never_written_needs_no_upkeep(lake: DeltaLake) -> None:
    assert lake.compact(MACRO_TABLE, target_bytes=ALL) == NOTHING
    assert lake.vacuum(MACRO_TABLE, kept=LEAST_KEPT) == 0


def test_files_are_rewritten_only_with_neighbours_that_are_small_enough(lake: DeltaLake) -> None:
    fill(lake, 5)
    one = max(file.size for file in delta_lake.list_files(lake._place.open(BARS_TABLE)))  # type: ignore[arg-type]
    assert lake.compact(BARS_TABLE, target_bytes=one) == NOTHING
    assert lake.compact(BARS_TABLE, target_bytes=2 * one) == Compacted(before=4, after=2)
    assert offsets_of(lake) == list(range(5))


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([10], []),
        ([10, 10, 10], [[0, 1, 2]]),
        ([40, 40, 40], [[0, 1]]),
        ([10, 60, 10, 10], [[2, 3]]),
        ([10, 10, 51, 10], [[0, 1]]),
        ([50, 50, 50, 50, 1], [[0, 1], [2, 3]]),
        ([99, 2], []),
    ],
)
def test_groups_are_neighbours_up_to_a_size_and_large_files_stay(sizes: list[int], groups: list[list[int]]) -> None:
    files = [ActiveFile(f"{place}", size) for place, size in enumerate(sizes)]
    assert [[int(file.name) for file in group] for group in choose_groups(files, 100)] == groups


def test_rows_that_the_order_does_not_tell_apart_stay_as_they_were_appended(lake: DeltaLake) -> None:
    for number in range(12):
        lake.append(FEATURES_TABLE, make_features(DAYS[0], float(number)), writer="features", version=number)
        if number in (3, 7):
            lake.compact(FEATURES_TABLE, target_bytes=ALL)
    assert lake.read(FEATURES_TABLE)["values"].to_list() == [[float(number)] for number in range(12)]


def append_on(lake: DeltaLake, first: int, last: int, compacted: "mp.synchronize.Event") -> None:
    """Halfway until some of it has been compacted, then on."""
    with long_s3_limits():
        for number in range(first, last):
            assert number != last // 2 or compacted.wait(HANG_SECONDS)
            fill(lake, 1, first=number)
            time.sleep(0.02)


def test_sealers_and_readers_meanwhile_lose_and_double_nothing(lake: DeltaLake) -> None:
    fill(lake, 2)
    spawn = mp.get_context("spawn")
    some = spawn.Event()
    sealer = spawn.Process(target=append_on, args=(lake, 2, 30, some), daemon=True)
    sealer.start()
    seen = compacted = 0
    while sealer.is_alive():
        compacted += lake.compact(BARS_TABLE, target_bytes=ALL).before
        if compacted > 2:
            some.set()
        lake.vacuum(BARS_TABLE, kept=timedelta(0))
        found = offsets_of(lake)
        assert found == list(range(len(found)))
        assert len(found) >= seen
        seen = len(found)
    sealer.join()
    assert sealer.exitcode == 0
    assert compacted > 2
    assert offsets_of(lake) == list(range(30))


def check_of_two_compactions_one_counts(lake: DeltaLake, another: DeltaLake) -> None:
    """Whoever finds its files gone leaves the table as it is."""
    fill(lake, 4)
    honest, done = delta_lake._commit, []

    def let_the_other_go_first(opened: DeltaTable, prepared: object, place: object) -> None:
        with patch.object(delta_lake, "_commit", honest):
            done.append(another.compact(BARS_TABLE, target_bytes=ALL))
        honest(opened, prepared, place)  # type: ignore[arg-type]

    with patch.object(delta_lake, "_commit", let_the_other_go_first):
        done.append(lake.compact(BARS_TABLE, target_bytes=ALL))
    assert offsets_of(another) == list(range(4))
    assert done == [Compacted(before=4, after=1), NOTHING]


def test_of_two_compactions_one_counts(bucket: DeltaLake) -> None:
    check_of_two_compactions_one_counts(bucket, DeltaLake(bucket._place))


def test_mutant_that_does_not_look_for_its_files_again_doubles(bucket: DeltaLake) -> None:
    class Blind(DeltaLake):
        def _commit(self, table: LakeTable, prepare: Callable[[DeltaTable], delta_lake._Commit | None]) -> bool:
            opened = self._place.open(table)
            first = None if opened is None else prepare(opened)
            return super()._commit(table, prepare if first is None or first[1] else lambda _opened: first)

    with pytest.raises(AssertionError):
        check_of_two_compactions_one_counts(Blind(bucket._place), bucket)


def check_rows_on_their_way_survive(lake: DeltaLake) -> None:
    """A file that a writer has written and not committed yet outlives a vacuum that keeps nothing."""
    fill(lake, 2)
    honest, due = delta_lake._commit, [True]

    def vacuum_first(opened: DeltaTable, prepared: object, place: object) -> None:
        if due:
            due.clear()
            lake.vacuum(BARS_TABLE, kept=timedelta(0))
        honest(opened, prepared, place)  # type: ignore[arg-type]

    with patch.object(delta_lake, "_commit", vacuum_first):
        fill(lake, 1, first=2)
    assert offsets_of(lake) == [0, 1, 2]


def test_rows_on_their_way_survive_a_forced_vacuum(bucket: DeltaLake) -> None:
    check_rows_on_their_way_survive(bucket)


def test_mutant_that_takes_all_files_without_a_commit_is_found(
    bucket: DeltaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_lake, "LEAST_KEPT", timedelta(0))
    with pytest.raises(ExternalServiceError):
        check_rows_on_their_way_survive(bucket)


def test_files_stay_for_a_week_and_what_the_killed_left_goes_after_it(delta: DeltaLake, tmp_path: Path) -> None:
    fill(delta, 3)
    folder = tmp_path / "lake/bars"
    young, old = folder / "young.parquet", folder / "old.parquet"
    for path, days in ((young, 6), (old, 8)):
        path.write_bytes(b"never committed")
        moment = time.time() - timedelta(days=days).total_seconds()
        os.utime(path, (moment, moment))
    delta.compact(BARS_TABLE, target_bytes=ALL)
    assert delta.vacuum(BARS_TABLE, kept=timedelta(0)) == 3
    assert delta.vacuum(BARS_TABLE, kept=LEAST_KEPT) == 1
    assert young.exists() and not old.exists()


def check_a_late_reader_begins_again(lake: DeltaLake) -> None:
    """Files that are gone between the look at the log and the read of the rows are looked for again."""
    fill(lake, 4)
    honest, late = DeltaLake._read_files, [True]

    def read(self: DeltaLake, table: LakeTable, names: list[str], columns: list[str]) -> pl.DataFrame:
        if late:
            late.clear()
            with patch.object(DeltaLake, "_read_files", honest):
                lake.compact(table, target_bytes=ALL)
                assert lake.vacuum(table, kept=timedelta(0)) == 4
        return honest(self, table, names, columns)

    with patch.object(DeltaLake, "_read_files", read):
        assert offsets_of(lake) == list(range(4))


def test_a_late_reader_begins_again(lake: DeltaLake) -> None:
    check_a_late_reader_begins_again(lake)


def test_mutant_that_reads_once_is_found(lake: DeltaLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_lake, "MOST_READS", 1)
    with pytest.raises(ExternalServiceError):
        check_a_late_reader_begins_again(lake)
