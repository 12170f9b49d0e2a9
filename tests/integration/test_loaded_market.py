"""The state folder that other suites start from."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fakes.loaded_market import UNTIL, copy_loaded_market
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.settings import Settings


def test_copies_are_loaded_alike_and_share_no_file(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(copy_loaded_market, folders))
    found = []
    for folder in folders:
        with open_runtime(Settings(state_dir=folder)) as runtime:
            assert runtime.ledger.market_clock() == UNTIL
            bars = runtime.lake.read(BARS_TABLE, columns=["session", "event_id"])
            assert bars["session"].max() == UNTIL
            features = runtime.features.read(UNTIL, market=runtime.ledger.market_sequence())
            found.append((bars.rows(), features.names, features.values.tobytes()))
    assert found[0] == found[1]
    inodes = [path.stat().st_ino for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(inodes) == len(set(inodes)) and len(os.listdir(folders[0])) > 3
