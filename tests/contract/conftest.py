"""Every adapter of a port, opened for the suites."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contract.databases import KeptDatabases, PostgresDatabases, SqliteFiles, Stores
from tests.fakes.ledger import InMemoryLedger
from tests.servers.postgres import Databases, open_databases
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.ports.ledger import Ledger

OpenLedger = Callable[[], Ledger]
KINDS = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with open_databases() as opened:
        yield opened


@pytest.fixture(scope="session")
def find_stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Stores, KeptDatabases]]:
    """Databases by kind, made when they are first asked for."""
    found: dict[str, tuple[Stores, KeptDatabases]] = {}

    def find(kind: str) -> tuple[Stores, KeptDatabases]:
        if kind not in found:
            stores: Stores = (
                SqliteFiles(tmp_path_factory.mktemp("databases"))
                if kind == "sqlite"
                else PostgresDatabases(request.getfixturevalue("databases"))
            )
            found[kind] = stores, KeptDatabases(stores)
        return found[kind]

    return find


FindStores = Callable[[str], tuple[Stores, KeptDatabases]]


def migrate(url: str) -> None:
    open_ledger(url).close()


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, find_stores: FindStores) -> Stores:
    return find_stores(request.param)[0]


@pytest.fixture
def ledger_url(stores: Stores, find_stores: FindStores) -> Iterator[str]:
    """An empty ledger of its own."""
    url = find_stores(stores.kind)[1].copy(migrate)
    yield url
    stores.remove(url)


@pytest.fixture
def open_sql(ledger_url: str) -> Iterator[Callable[[], SqlLedger]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_ledger(ledger_url))


@pytest.fixture
def sql_ledger(open_sql: Callable[[], SqlLedger]) -> SqlLedger:
    return open_sql()


@pytest.fixture(params=["memory", *KINDS])
def open_another(request: pytest.FixtureRequest, find_stores: FindStores) -> Iterator[OpenLedger]:
    """Opens the same ledger once more, as another process would."""
    if request.param == "memory":
        fake = InMemoryLedger()
        yield lambda: fake
        return
    stores, kept = find_stores(request.param)
    url = kept.copy(migrate)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_ledger(url))
    stores.remove(url)


@pytest.fixture
def ledger(open_another: OpenLedger) -> Ledger:
    return open_another()
