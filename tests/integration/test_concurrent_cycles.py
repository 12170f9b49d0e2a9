"""A hundred decision cycles at once on PostgreSQL decide what they decide one after another."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.concurrent_cycles import (
    SESSION,
    Told,
    decide_at_once,
    decide_serially,
    make_universes,
    percentile,
)
from tests.integration.cycles_on_postgres import install, read_records
from tests.servers.postgres import Databases, open_server

CYCLES, PROCESSES, FEW = 100, 4, 16


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with open_server() as server:
        yield server.databases


@pytest.fixture(scope="module")
def loaded(decided_history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Market, features and values of a history that was loaded once."""
    folder = tmp_path_factory.mktemp("concurrent") / "state"
    shutil.copytree(decided_history, folder)
    return folder


@pytest.mark.slow
def test_a_hundred_cycles_at_once_equal_those_of_a_serial_run(
    databases: Databases, loaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    universes = make_universes(CYCLES, SESSION)
    assert len({str(policy.universe) for policy in universes.values()}) == CYCLES
    serial, concurrent = install(databases, loaded), install(databases, loaded)

    one_by_one = decide_serially(serial, universes, SESSION)
    at_once = decide_at_once(concurrent, universes, SESSION, processes=PROCESSES)

    assert (one_by_one.errors, at_once.errors) == ([], [])
    assert one_by_one.seconds.keys() == at_once.seconds.keys() == universes.keys()
    records = read_records(serial, universes, SESSION)
    assert len(records) == CYCLES
    again = read_records(concurrent, universes, SESSION)
    assert {run: (records[run], again.get(run)) for run in records if again.get(run) != records[run]} == {}
    with capsys.disabled():
        tell("one after another", one_by_one)
        tell(f"{CYCLES} at once in {PROCESSES} processes", at_once)


def tell(how: str, told: Told) -> None:
    seconds = list(told.seconds.values())
    half, most = (1000 * percentile(seconds, share) for share in (0.5, 0.95))
    print(f"\n  {len(seconds)} decision cycles on PostgreSQL, {how}: p50 {half:.0f} ms, p95 {most:.0f} ms", end="")  # noqa: T201


def test_mutant_ledger_whose_writers_do_not_wait_fails_some(databases: Databases, loaded: Path) -> None:
    settings = install(databases, loaded)
    told = decide_at_once(settings, make_universes(FEW, SESSION), SESSION, processes=2, locked=False)
    assert any("refuses the row" in error for error in told.errors)
