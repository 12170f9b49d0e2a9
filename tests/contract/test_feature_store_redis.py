"""What Redis adds to an online store: expiry, memory that runs out, sessions seen whole, an account and TLS."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from redis import Redis

from tests.contract.test_feature_store import DAY, SCHEMA, assert_same, rows_of
from tests.integration.serving import insist
from tests.servers.redis import PASSWORD, RedisServer, long_redis_limits, start_redis, start_secured_redis
from tradeops.adapters import feature_store_redis
from tradeops.adapters.feature_store_redis import RedisFeatureStore
from tradeops.domain.errors import ConfigurationError, CorruptInput, ExternalServiceError, TradeOpsError, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId

SEEN_BUILDS, MOST_BUILDS = 20, 100_000
SESSION = f"tradeops:features:ffe054fe7ae0cb6d:{DAY}"


@pytest.fixture(scope="module")
def plain_server() -> Iterator[RedisServer]:
    with start_redis() as server:
        yield server


@pytest.fixture
def plain(plain_server: RedisServer) -> Iterator[RedisServer]:
    with long_redis_limits():
        yield plain_server


@pytest.fixture
def client(plain: RedisServer) -> Iterator[Redis]:
    with Redis(port=plain.port) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(plain: RedisServer, client: Redis) -> Iterator[RedisFeatureStore]:
    with RedisFeatureStore(plain.url, SCHEMA) as store:
        yield store


def wide_rows(names: tuple[str, ...], market: int = 5) -> FeatureRows:
    instruments = tuple(InstrumentId(name) for name in names)
    values = np.full((3, len(names)), float(market))
    return replace(rows_of(market=market), instruments=instruments, values=values)


def test_each_symbol_is_one_packed_value_and_the_session_expires(store: RedisFeatureStore, client: Redis) -> None:
    store.write(rows_of())
    assert client.lrange(SESSION, 1, -1) == [column.tobytes() for column in rows_of().values.T.copy()]
    for key in (SESSION, SESSION.rpartition(":")[0]):
        assert 0 < client.pttl(key) <= feature_store_redis.KEPT / timedelta(milliseconds=1)
    assert client.dbsize() == 2


def test_what_is_older_than_it_may_be_is_not_served(plain: RedisServer, client: Redis) -> None:
    with RedisFeatureStore(plain.url, SCHEMA, kept=timedelta(milliseconds=1)) as store:
        store.write(rows_of())
        time.sleep(0.01)
        with pytest.raises(UnknownRecord):
            store.read(DAY, market=5)


def test_a_session_that_the_server_dropped_is_unknown_until_it_is_written_again(
    store: RedisFeatureStore, client: Redis
) -> None:
    store.write(rows_of())
    client.delete(SESSION)
    with pytest.raises(UnknownRecord):
        store.read(DAY, market=5)
    store.write(rows_of())
    assert_same(store.read(DAY, market=5), rows_of())


@pytest.mark.parametrize(
    "damage",
    [
        lambda client: client.lset(SESSION, 2, b"\1" * 24),
        lambda client: client.rpush(SESSION, b"\0"),
        lambda client: client.rpop(SESSION),
        lambda client: client.lset(SESSION, 0, b"nothing"),
        lambda client: client.lset(SESSION, 0, b"5 00 {"),
        lambda client: client.lset(SESSION, 0, b"5 00 {}"),
    ],
)
def test_damaged_bytes_are_refused(store: RedisFeatureStore, client: Redis, damage: Callable[[Redis], object]) -> None:
    store.write(rows_of())
    damage(client)
    with pytest.raises(CorruptInput, match="run the DAG build_features"):
        store.read(DAY, market=5)


def test_another_universe_takes_the_place_of_the_one_before(store: RedisFeatureStore, client: Redis) -> None:
    for market, names in enumerate((("A", "B"), ("B", "C", "D"), ("A",), ()), start=1):
        store.write(wide_rows(names, market))
        assert_same(store.read(DAY, market=9), wide_rows(names, market))
        assert client.llen(SESSION) == 1 + len(names)


def check_sessions_are_seen_whole(reader: RedisFeatureStore, writer: RedisFeatureStore) -> None:
    """Whoever reads while another writes sees one build or the other."""
    names = tuple(f"S{number:02d}" for number in range(20))
    writer.write(wide_rows(names, 1))
    seen, written, enough = set(), [1], threading.Event()

    def rewrite() -> None:
        while not enough.is_set() and written[-1] < MOST_BUILDS:
            writer.write(wide_rows(names, written[-1] + 1))
            written.append(written[-1] + 1)

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        while len(seen) < SEEN_BUILDS and thread.is_alive():
            rows = reader.read(DAY, market=MOST_BUILDS)
            assert (rows.values == rows.market).all()
            seen.add(rows.market)
    finally:
        enough.set()
        thread.join()
    assert reader.read(DAY, market=MOST_BUILDS).market == written[-1]
    assert len(seen) == SEEN_BUILDS


def test_a_session_is_seen_whole(plain: RedisServer, store: RedisFeatureStore) -> None:
    with RedisFeatureStore(plain.url, SCHEMA) as writer:
        check_sessions_are_seen_whole(store, writer)


def test_mutant_that_writes_one_value_after_another_is_found(
    plain: RedisServer, store: RedisFeatureStore, client: Redis
) -> None:
    class Piecemeal(RedisFeatureStore):
        def write(self, rows: FeatureRows) -> None:
            packed = [column.tobytes() for column in rows.values.T.copy()]
            client.delete(SESSION)
            for data in (feature_store_redis._make_header(rows, packed), *packed):
                client.rpush(SESSION, data)
                time.sleep(0.001)

    with Piecemeal(plain.url, SCHEMA) as writer, pytest.raises((CorruptInput, UnknownRecord)):
        check_sessions_are_seen_whole(store, writer)


def test_a_server_that_is_gone_or_frozen_is_told_in_time_and_used_again_when_it_is_back() -> None:
    with start_redis() as server, RedisFeatureStore(server.url, SCHEMA) as store:
        insist(lambda: store.write(rows_of()))
        server.process.freeze()
        assert_unavailable(store)
        server.process.thaw()
        insist(lambda: assert_same(store.read(DAY, market=5), rows_of()))
        server.process.kill()
        assert_unavailable(store)
        server.process.start()
        insist(lambda: store.write(rows_of()))
        insist(lambda: assert_same(store.read(DAY, market=5), rows_of()))


def assert_unavailable(store: RedisFeatureStore) -> None:
    for call in (lambda: store.read(DAY, market=5), lambda: store.write(rows_of())):
        started = time.monotonic()
        with pytest.raises(ExternalServiceError) as error:
            call()
        assert error.value.retryable
        assert time.monotonic() - started < 60  # far above the limits of connect and call


def test_a_full_server_is_told(store: RedisFeatureStore, client: Redis) -> None:
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(ExternalServiceError, match="memory"):
            store.write(rows_of())
    finally:
        client.config_set("maxmemory", 0)


@pytest.fixture(scope="module")
def secured_server() -> Iterator[RedisServer]:
    with start_secured_redis() as server:
        yield server


@pytest.fixture
def secured(secured_server: RedisServer) -> Iterator[RedisServer]:
    with long_redis_limits():
        yield secured_server


def test_with_account_and_certificate_all_works(secured: RedisServer) -> None:
    with RedisFeatureStore(secured.url, SCHEMA) as store:
        store.write(rows_of())
        assert_same(store.read(DAY, market=5), rows_of())


REFUSED: dict[str, tuple[Callable[[str], str], type[TradeOpsError], str]] = {
    "wrong password": (lambda url: url.replace(PASSWORD, "wrong"), ConfigurationError, "password"),
    "no account": (lambda url: url.replace(f"app:{PASSWORD}@", ""), ConfigurationError, "unauthenticated"),
    "forbidden command": (lambda url: url.replace("app:", "reader:"), ConfigurationError, "evalsha"),
    "no authority": (lambda url: url.partition("?")[0], ConfigurationError, "CERTIFICATE_VERIFY_FAILED"),
    "another host": (lambda url: url.replace("localhost", "127.0.0.2"), ExternalServiceError, "refused"),
    "plain TCP": (
        lambda url: url.replace("rediss:", "redis:").partition("?")[0],
        ExternalServiceError,
        "cannot be used: (?!Timeout)",
    ),
    "unreadable port": (lambda url: url.replace("localhost:", "localhost:x"), ConfigurationError, "cannot be read"),
    "unknown option": (lambda url: url + "&strange=1", ConfigurationError, "cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_right_is_refused_without_telling_the_password(secured: RedisServer, case: str) -> None:
    change, error_type, reason = REFUSED[case]
    with pytest.raises(error_type, match=reason) as error, RedisFeatureStore(change(secured.url), SCHEMA) as store:
        store.write(rows_of())
    told: BaseException | None = error.value
    while told is not None:
        assert PASSWORD not in repr(told)
        told = told.__cause__
    if error_type is ConfigurationError:
        assert "TRADEOPS_FEATURE_STORE_URL" in error.value.message


def test_a_reader_who_may_not_write_can_read(secured: RedisServer) -> None:
    with RedisFeatureStore(secured.url, SCHEMA) as store:
        store.write(rows_of())
    with RedisFeatureStore(secured.url.replace("app:", "reader:"), SCHEMA) as reader:
        assert_same(reader.read(DAY, market=5), rows_of())
        with pytest.raises(ConfigurationError):
            reader.write(rows_of(market=6))
        assert reader.read(DAY, market=9).market == 5
