"""Run by the peer's own Python: reads features of entities from Feast's online store for every line it reads.

Usage: feast_redis.py INPUT.npy OUTPUT.npy PORT. INPUT holds (F, N): F features of N entities, which are written into
the Redis of that port first; OUTPUT gets the (F, N) that the first run read back.
"""

import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ["FEAST_USAGE"] = "False"

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64, String
from feast.value_type import ValueType


def open_store(folder: Path, values: np.ndarray, port: str) -> FeatureStore:
    """A store with one view, filled."""
    moment = datetime.now(UTC)
    rows = pd.DataFrame({f"f{number:02d}": column for number, column in enumerate(values)})
    rows["symbol"] = [f"S{number:03d}" for number in range(len(rows))]
    rows["event_timestamp"] = moment
    rows.to_parquet(folder / "rows.parquet")
    online = {"type": "redis", "connection_string": f"127.0.0.1:{port}"}
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store=online,
            offline_store={"type": "file"},
            entity_key_serialization_version=3,
        )
    )
    symbol = Entity(name="symbol", join_keys=["symbol"], value_type=ValueType.STRING)
    names = [name for name in rows if name.startswith("f")]
    view = FeatureView(
        name="view",
        entities=[symbol],
        ttl=timedelta(days=30),
        schema=[Field(name="symbol", dtype=String), *(Field(name=name, dtype=Float64) for name in names)],
        source=FileSource(path=str(folder / "rows.parquet"), timestamp_field="event_timestamp"),
        online=True,
    )
    store.apply([symbol, view])
    store.write_to_online_store("view", rows)
    return store


def main(source: str, target: str, port: str) -> None:
    """Answer a line on standard input with one on standard output, each after one read."""
    values = np.load(source)
    names = [f"f{number:02d}" for number in range(len(values))]
    entities = [{"symbol": f"S{number:03d}"} for number in range(values.shape[1])]
    answers, sys.stdout = sys.stdout, sys.stderr  # Feast prints
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder), values, port)
        first = True
        for _ in sys.stdin:
            found = store.get_online_features(
                features=[f"view:{name}" for name in names], entity_rows=entities
            ).to_dict()
            if first:
                np.save(target, np.array([found[name] for name in names], dtype=np.float64))
            first = False
            answers.write("\n")
            answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
