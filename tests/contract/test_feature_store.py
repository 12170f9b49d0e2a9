"""Every online feature store keeps the newest sessions, and of each the newest build."""

import multiprocessing as mp
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.feature_store import InMemoryFeatureStore
from tests.servers.redis import forget, long_redis_limits, open_redis
from tradeops.adapters.feature_store_redis import RedisFeatureStore
from tradeops.adapters.feature_store_sqlite import SqliteFeatureStore
from tradeops.adapters.sqlite import create_sqlite_engine
from tradeops.bootstrap.feature_store import open_feature_store
from tradeops.domain.errors import ConfigurationError, CorruptInput, CycleConflict, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.features.declarations import feature_schema
from tradeops.ports.feature_store import ONLINE_SESSIONS, FeatureStore

SCHEMA = "a" * 64
DAY = date(2012, 8, 9)
OpenStore = Callable[[str], FeatureStore]


@pytest.fixture(scope="module")
def redis_server() -> Iterator[str]:
    with open_redis() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    forget(redis_server)
    with long_redis_limits():
        yield redis_server


@pytest.fixture(params=["sqlite", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store that processes may share, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/features.db"
    url: str = request.getfixturevalue("redis_url")
    return url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the same store for a schema, as another process would."""
    shared = InMemoryFeatureStore(SCHEMA)
    with ExitStack() as stack:
        if request.param == "memory":
            yield lambda schema: InMemoryFeatureStore(schema, shared.kept)
        elif request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/features.db"
            yield lambda schema: stack.enter_context(SqliteFeatureStore(url, schema))
        else:
            url = request.getfixturevalue("redis_url")
            yield lambda schema: stack.enter_context(RedisFeatureStore(url, schema))


@pytest.fixture
def store(open_store: OpenStore) -> FeatureStore:
    return open_store(SCHEMA)


def rows_of(session: date = DAY, market: int = 5, value: float = 0.25, schema: str = SCHEMA) -> FeatureRows:
    return FeatureRows(
        session=session,
        market=market,
        schema=schema,
        instruments=(InstrumentId("AAPL"), InstrumentId("IBM")),
        names=("ret_1", "rsi_14", "vol_20"),
        values=np.array([[value, -0.0], [np.nan, 1e-300], [0.1 + 0.2, np.inf]]),
    )


def assert_same(one: FeatureRows, other: FeatureRows) -> None:
    assert one.values.tobytes() == other.values.tobytes()
    plain = [(r.session, r.market, r.schema, r.instruments, r.names) for r in (one, other)]
    assert plain[0] == plain[1]


def test_what_was_written_comes_back_bit_for_bit(open_store: OpenStore) -> None:
    open_store(SCHEMA).write(rows_of())
    assert_same(open_store(SCHEMA).read(DAY, market=5), rows_of())
    assert_same(open_store(SCHEMA).read(DAY, market=9), rows_of())


def test_an_unknown_session_names_the_dag_that_builds_it(store: FeatureStore) -> None:
    with pytest.raises(UnknownRecord, match="build_features"):
        store.read(DAY, market=5)


def test_a_build_after_the_move_asked_for_is_invisible(store: FeatureStore) -> None:
    store.write(rows_of(market=5))
    with pytest.raises(UnknownRecord, match="build_features"):
        store.read(DAY, market=4)


def check_writing_again_is_harmless(store: FeatureStore) -> None:
    store.write(rows_of())
    store.write(rows_of())
    with pytest.raises(CycleConflict):
        store.write(rows_of(value=0.26))
    assert_same(store.read(DAY, market=5), rows_of())


def test_writing_again_is_harmless_and_other_values_are_refused(store: FeatureStore) -> None:
    check_writing_again_is_harmless(store)


def test_mutant_that_overwrites_is_found() -> None:
    class Overwriting(InMemoryFeatureStore):
        def write(self, rows: FeatureRows) -> None:
            self.kept[rows.schema, rows.session] = rows

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_writing_again_is_harmless(Overwriting(SCHEMA))


def test_the_newest_build_stays_whatever_the_order_of_writing(store: FeatureStore) -> None:
    for market in (5, 7, 6):
        store.write(rows_of(market=market, value=float(market)))
    assert_same(store.read(DAY, market=9), rows_of(market=7, value=7.0))


def test_schemas_do_not_mix(open_store: OpenStore) -> None:
    other = "b" * 64
    open_store(SCHEMA).write(rows_of())
    open_store(SCHEMA).write(rows_of(schema=other, value=0.5))
    assert_same(open_store(other).read(DAY, market=5), rows_of(schema=other, value=0.5))
    assert_same(open_store(SCHEMA).read(DAY, market=5), rows_of())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offsets=st.permutations(range(ONLINE_SESSIONS + 4)))
def test_only_the_newest_sessions_are_kept(open_store: OpenStore, offsets: list[int]) -> None:
    schema = f"{offsets}"
    store = open_store(schema)
    for offset in offsets:
        store.write(rows_of(DAY + timedelta(days=offset), schema=schema))
    for offset in range(ONLINE_SESSIONS + 4):
        if offset >= 4:
            assert store.read(DAY + timedelta(days=offset), market=5).session == DAY + timedelta(days=offset)
        else:
            with pytest.raises(UnknownRecord):
                store.read(DAY + timedelta(days=offset), market=5)


def test_damaged_bytes_are_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/features.db"
    with SqliteFeatureStore(url, SCHEMA) as store:
        store.write(rows_of())
        with create_sqlite_engine(url).begin() as connection:
            connection.exec_driver_sql("UPDATE features SET packed = substr(packed, 1, length(packed) - 1)")
        with pytest.raises(CorruptInput, match="delete the store's file"):
            store.read(DAY, market=5)


def open_at(url: str) -> SqliteFeatureStore | RedisFeatureStore:
    return (RedisFeatureStore if url.startswith("redis") else SqliteFeatureStore)(url, SCHEMA)


def write_many(url: str, first: int) -> None:
    with long_redis_limits(), open_at(url) as store:
        for offset in range(first, 30):
            store.write(rows_of(DAY + timedelta(days=offset)))


def test_processes_may_write_at_once(store_url: str) -> None:
    spawn: Callable[..., mp.process.BaseProcess] = mp.get_context("spawn").Process
    crowd = [spawn(target=write_many, args=(store_url, first)) for first in (0, 5)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(300)
    assert [process.exitcode for process in crowd] == [0, 0]
    with open_at(store_url) as store:
        for offset in range(10, 30):
            assert_same(store.read(DAY + timedelta(days=offset), market=5), rows_of(DAY + timedelta(days=offset)))


def test_the_url_chooses_the_adapter(store_url: str) -> None:
    with open_feature_store(store_url) as store:
        store.write(rows_of(schema=feature_schema()))
        assert store.read(DAY, market=5).schema == feature_schema()
    with pytest.raises(ConfigurationError, match="TRADEOPS_FEATURE_STORE_URL"):
        open_feature_store("memcached://localhost")
