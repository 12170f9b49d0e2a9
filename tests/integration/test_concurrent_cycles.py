"""A hundred decision cycles at once on PostgreSQL decide what they decide one after another."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.integration.concurrent_cycles import Told, decide_at_once, decide_serially, make_universes, percentile
from tests.servers.postgres import Databases, open_server
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.migration import migrate_installation
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.decisions import Outcome
from tradeops.domain.identifiers import BookId
from tradeops.services.reconcile_orders import reconcile_orders
from tradeops.settings import Settings

CYCLES, PROCESSES, FEW = 100, 4, 16
SESSION = date(2001, 6, 5)  # one of few on which something is bought


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


def install(databases: Databases, loaded: Path) -> Settings:
    """The loaded market under a ledger, a broker and checkpoints of its own on PostgreSQL."""
    url = databases.url(databases.create())
    settings = Settings(state_dir=loaded, ledger_url=url, broker_url=url, checkpoints_url=url)
    list(migrate_installation(settings))
    with (
        open_ledger_by_url(f"sqlite:///{loaded}/ledger.db") as source,
        open_ledger_by_url(settings.ledger_url) as target,
    ):
        for market in range(1, source.market_sequence() + 1):
            target.record_clock_move(source.clock_move(market))
    return settings


def read_records(settings: Settings, runs: list[str]) -> dict[str, bytes]:
    """Canonical bytes of each book's one decision; the chains are intact, and the broker has what is on record."""
    with open_runtime(settings) as runtime:
        runtime.ledger.verify_chains()
        found = {run: runtime.ledger.find_decision(BookId(run=run), SESSION) for run in runs}
        decided = {run: record.decision for run, record in found.items() if record}
        assert len(list(runtime.ledger.list_decisions())) == len(decided)
        assert {decision.outcome for decision in decided.values()} == {Outcome.DECIDED}
        agreed = reconcile_orders(runtime.ledger, runtime.broker)
        orders = sum(len(decision.orders) for decision in decided.values())
        assert (agreed.recorded, agreed.taken, agreed.differences) == (orders, orders, ())
        assert orders > 0
    return {run: decision.canonical_bytes for run, decision in decided.items()}


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
    records = read_records(serial, list(universes))
    assert len(records) == CYCLES
    again = read_records(concurrent, list(universes))
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
