"""Every adapter of a port, opened for the suites."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.ledger import InMemoryLedger
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.ports.ledger import Ledger

OpenLedger = Callable[[], Ledger]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger, migrated once for all tests."""
    folder = tmp_path_factory.mktemp("migrated")
    open_ledger(f"sqlite:///{folder}/ledger.db").close()
    return folder / "ledger.db"


@pytest.fixture
def ledger_url(tmp_path: Path, migrated_file: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def open_sql(ledger_url: str) -> Iterator[Callable[[], SqlLedger]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_ledger(ledger_url))


@pytest.fixture
def sql_ledger(open_sql: Callable[[], SqlLedger]) -> SqlLedger:
    return open_sql()


@pytest.fixture(params=["memory", "sqlite"])
def open_another(request: pytest.FixtureRequest) -> OpenLedger:
    """Opens the same ledger once more, as another process would."""
    if request.param == "memory":
        fake = InMemoryLedger()
        return lambda: fake
    opener: OpenLedger = request.getfixturevalue("open_sql")
    return opener


@pytest.fixture
def ledger(open_another: OpenLedger) -> Ledger:
    return open_another()
