"""Every adapter of a port, opened for the suites."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.databases import KeptDatabases, PostgresDatabases, SqliteFiles, Stores
from tests.contract.event_log_rigs import Rig, make_memory_rig, open_kafka_rig, open_sqlite_rig
from tests.fakes.ledger import InMemoryLedger
from tests.servers.postgres import Databases, open_databases
from tests.servers.s3 import long_s3_limits, make_bucket, open_s3, remove_bucket
from tradeops.adapters.lake_delta import Bucket, DeltaLake
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.adapters.s3 import S3Access
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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Access]:
    with open_s3() as access:
        yield access


@pytest.fixture
def s3(s3_server: S3Access) -> Iterator[S3Access]:
    with long_s3_limits():
        yield s3_server


@pytest.fixture
def bucket_url(s3: S3Access) -> Iterator[str]:
    name = make_bucket(s3)
    yield f"s3://{name}/with a space"
    remove_bucket(s3, name)


@pytest.fixture
def bucket(s3: S3Access, bucket_url: str) -> DeltaLake:
    return DeltaLake(Bucket(bucket_url, s3))


@pytest.fixture
def delta(tmp_path: Path) -> DeltaLake:
    return DeltaLake(tmp_path / "lake")


@pytest.fixture
def sqlite_rig(tmp_path: Path) -> Iterator[Rig]:
    with open_sqlite_rig(tmp_path) as rig:
        yield rig


@pytest.fixture
def kafka_rig(kafka_url: str) -> Iterator[Rig]:
    with open_kafka_rig(kafka_url) as rig:
        yield rig


@pytest.fixture(params=["memory", "memory with gaps", "sqlite", "kafka"])
def rig(request: pytest.FixtureRequest) -> Rig:
    """An event log, with gaps in its offsets or without."""
    if "memory" in request.param:
        return make_memory_rig(marks=request.param == "memory with gaps")
    found: Rig = request.getfixturevalue(f"{request.param}_rig")
    return found
