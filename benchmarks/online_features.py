"""The features of 100 entities, 20 each, from Redis: ours, the bare MGET of the same bytes, and Feast.

All read from one server on loopback that keeps nothing on disk. The floor reads the same packed values under short
names and puts them into one array. Ours reads a list, whose symbols need no names in the question, learns which build
it is, checks a digest, and gives a checked `FeatureRows`. Feast runs in an environment and process of its own; the
pipe to it takes some 0.05 ms of its time.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import numpy as np
from redis import Redis
from redis.exceptions import ConnectionError

from benchmarks.measuring import Measured, interleave, median_ratio, quantile
from benchmarks.peer_process import PeerMissing, PeerProcess
from tradeops.adapters.feature_store_redis import RedisFeatureStore
from tradeops.domain.errors import DataError
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray

ENTITIES, FEATURES, CALLS = 100, 20, 100
DAY, SCHEMA = date(2012, 8, 9), "a" * 64
SERVER, FEAST = "redis-server", "Feast 0.67.0"
START_SECONDS = 20.0


def measure() -> dict[str, Measured]:
    """The ratio of ours to the bare MGET; the note has milliseconds and Feast's."""
    if shutil.which(SERVER) is None:
        return {"online_features": Measured(None, f"{SERVER} is not installed here")}
    values = np.random.default_rng(7).normal(size=(FEATURES, ENTITIES))
    with (
        run_server() as port,
        Redis(port=port, protocol=2) as client,
        RedisFeatureStore(f"redis://127.0.0.1:{port}/0", SCHEMA) as store,
    ):
        store.write(make_rows(values))
        require_equal(values, store.read(DAY, market=1).values, "ours")
        calls: dict[str, Callable[[], object]] = {
            "ours": lambda: store.read(DAY, market=1),
            "raw": make_floor(client, values),
        }
        return {"online_features": compare(calls, values, port)}


def compare(calls: dict[str, Callable[[], object]], values: FloatArray, port: int) -> Measured:
    """In turns, with Feast where it can be had."""
    try:
        with PeerProcess("feast_redis", values, str(port)) as feast:
            feast.work()
            require_equal(values, feast.read(), FEAST)
            timed = interleave({**calls, "feast": feast.work}, CALLS)
        peer = f"{FEAST} {1e3 * quantile(timed['feast'], 0.5):.1f} ms, in an environment of its own"
    except PeerMissing as missing:
        timed = interleave(calls, CALLS)
        peer = f"{FEAST} cannot be installed here: {missing}"
    milli = {name: 1e3 * quantile(timed[name], 0.5) for name in calls}
    note = f"ms: ours {milli['ours']:.3f}, bare MGET {milli['raw']:.3f}; {peer}"
    return Measured(median_ratio(timed["ours"], timed["raw"]), note)


def make_rows(values: FloatArray) -> FeatureRows:
    """One session."""
    return FeatureRows(
        session=DAY,
        market=1,
        schema=SCHEMA,
        instruments=tuple(InstrumentId(f"S{number:03d}") for number in range(ENTITIES)),
        names=tuple(f"f{number:02d}" for number in range(FEATURES)),
        values=values.copy(),
    )


def make_floor(client: Redis, values: FloatArray) -> Callable[[], object]:
    """What anybody would write who needs no builds, no expiry and no checks."""
    packed = {f"S{number:03d}": row.tobytes() for number, row in enumerate(values.T.copy())}
    client.mset(packed)
    names = list(packed)
    return lambda: np.frombuffer(b"".join(client.mget(names))).reshape(ENTITIES, FEATURES)


def require_equal(values: FloatArray, found: FloatArray, name: str) -> None:
    """Refuse to compare the speed of different numbers."""
    if not np.array_equal(values, found):
        raise DataError(f"{name} reads other numbers")


@contextmanager
def run_server() -> Iterator[int]:
    """Redis on a free port of loopback, without disk."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
        process = subprocess.Popen([SERVER, *options], stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int) -> None:
    """Until it answers."""
    deadline = time.monotonic() + START_SECONDS
    with Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return
            except ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
