"""What a lake in a folder owes beside the contract: order of syncs, nothing from the killed, a lock that is told of."""

import multiprocessing as mp
import os
import signal
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.contract.test_lake import DAYS, WRITER, make_bars
from tradeops.adapters.lake_delta import DeltaLake, delta_lake, folder
from tradeops.adapters.lake_delta.folder import Folder
from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.lake_tables import BARS_TABLE, LakeTable


def append_and_die(folder: Path) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with patch.object(delta_lake, "_commit", die):
        DeltaLake(folder).append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)


def test_killed_between_data_and_commit_nothing_is_visible_and_the_repetition_writes_once(tmp_path: Path) -> None:
    folder, lake = tmp_path / "lake", DeltaLake(tmp_path / "lake")
    process = mp.get_context("spawn").Process(target=append_and_die, args=(folder,))
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    assert len(list(folder.rglob("*.parquet"))) == 1
    assert lake.read(BARS_TABLE).height == 0 and lake.sealed_version(BARS_TABLE, WRITER) == -1
    assert lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
    assert lake.read(BARS_TABLE).height == 1
    assert len(list(folder.rglob("*.parquet"))) == 1


def record_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    real_sync, real_commit = os.fsync, delta_lake._commit

    def sync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        calls.append(path.suffix or path.name)
        real_sync(handle)

    def commit(*given: object) -> None:
        calls.append("commit")
        real_commit(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(delta_lake, "_commit", commit)
    return calls


def check_durable(lake: DeltaLake, calls: list[str]) -> None:
    """Rows are on the disk before the commit that names them, and the commit before the caller goes on."""
    lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
    assert calls[:5] == [".json", "_delta_log", "bars", "lake", calls[4]]
    assert calls[5:] == [".parquet", "bars", "commit", ".json", "_delta_log"]


def test_an_append_is_durable_when_it_returns(delta: DeltaLake, monkeypatch: pytest.MonkeyPatch) -> None:
    check_durable(delta, record_syncs(monkeypatch))


def test_mutant_that_leaves_the_commit_to_the_page_cache_is_found(
    delta: DeltaLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, honest = record_syncs(monkeypatch), Folder.make_durable

    def sync_new_tables(self: Folder, table: LakeTable, after: int) -> None:
        if after < 0:
            honest(self, table, after)

    monkeypatch.setattr(Folder, "make_durable", sync_new_tables)
    with pytest.raises(AssertionError):
        check_durable(delta, calls)


def test_a_folder_may_have_a_space_in_its_name(tmp_path: Path) -> None:
    lake = DeltaLake(tmp_path / "a lake")
    lake.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
    assert lake.read(BARS_TABLE).height == 1


def test_who_waits_too_long_for_its_turn_is_told(delta: DeltaLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LONGEST_WAIT_SECONDS", 0.0)
    with delta._place.turn(BARS_TABLE), pytest.raises(ExternalServiceError, match="another process writes table bars"):
        delta.append(BARS_TABLE, make_bars(("A", DAYS[0])), writer=WRITER, version=0)
