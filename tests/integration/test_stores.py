"""`tradeops migrate`, `backup`, `restore` and `reconcile`, on files and on PostgreSQL."""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.contract.databases import behind_its_back, beside, change, query
from tests.integration.test_former_ledger import ARCHIVE, ORDERS
from tests.servers.postgres import Databases, open_databases
from tradeops.entrypoints.command_line import main as command_line

Tradeops = Callable[..., Result]


@pytest.fixture
def tradeops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tradeops:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path / "state"))
    return lambda *words: CliRunner().invoke(command_line.app, list(words))


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with open_databases() as opened:
        yield opened


@pytest.fixture
def on_server(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every store that may be there on PostgreSQL; MLflow's in a database of its own."""
    ours, mlflow = databases.url(databases.create()), databases.url(databases.create())
    urls = {"LEDGER": ours, "BROKER": ours, "CHECKPOINTS": ours, "REGISTRY": mlflow}
    for name, url in urls.items():
        monkeypatch.setenv(f"TRADEOPS_{name}_URL", url)
    return urls


READY = ["ready  ledger", "ready  paper broker", "ready  breakers", "ready  checkpoints", "ready  model registry"]


def test_migrate_prepares_every_store_on_a_server_and_may_be_repeated(
    tradeops: Tradeops, on_server: dict[str, str]
) -> None:
    for _ in range(2):
        said = tradeops("migrate")
        assert (said.exit_code, said.stdout.splitlines()) == (0, READY)
    with beside(on_server["LEDGER"]) as connection:
        tables = set(query(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    assert {"entries", "answers", "checkpoints", "alembic_version"} <= tables
    with beside(on_server["REGISTRY"]) as connection:
        assert query(connection, "SELECT count(*) FROM registered_models") == [0]


def test_migrate_prepares_every_store_in_files(tradeops: Tradeops, tmp_path: Path) -> None:
    assert tradeops("migrate").stdout.splitlines() == READY
    assert {path.name for path in (tmp_path / "state").iterdir()} >= {"ledger.db", "paper_broker.db", "mlflow"}


def test_a_lost_ledger_is_restored_and_agrees_with_the_broker(tradeops: Tradeops, tmp_path: Path) -> None:
    state, folder = tmp_path / "state", str(tmp_path / "backup")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(state, filter="data")

    assert "entries in" in tradeops("backup", folder).stdout
    refused = tradeops("restore", folder)
    assert "there already" in str(refused.exception)
    for file in state.glob("ledger.db*"):
        file.unlink()
    assert "tradeops reconcile" in tradeops("restore", folder).stdout

    agreed = tradeops("reconcile")
    assert agreed.stdout == f"{ORDERS} orders on record, {ORDERS} at the broker, 0 differences\n"
    assert agreed.exit_code == 0


def test_mutant_order_that_the_restored_ledger_lacks_is_told(tradeops: Tradeops, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(state, filter="data")
    shutil.move(state / "paper_broker.db", tmp_path)
    with behind_its_back(f"sqlite:///{tmp_path}/paper_broker.db") as connection:
        assert change(
            connection, "DELETE FROM answers WHERE client_order_id = (SELECT min(client_order_id) FROM answers)"
        )
    shutil.move(tmp_path / "paper_broker.db", state)

    told = tradeops("reconcile")

    assert told.exit_code == 3
    assert "the broker never had an order that is on record as sent" in told.stdout
    assert told.stdout.endswith(f"{ORDERS} orders on record, {ORDERS - 1} at the broker, 1 differences\n")
