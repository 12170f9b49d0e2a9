"""The row of online features compares equal numbers, and names a peer that is not there."""

import shutil

import numpy as np
import pytest

from benchmarks import online_features
from benchmarks.online_features import FEAST, SERVER, measure, require_equal
from benchmarks.peer_process import PEERS, PeerMissing
from tests.servers.process import require
from tradeops.domain.errors import DataError


def test_a_missing_peer_is_named_in_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PeerMissing("no such wheel")

    require(shutil.which(SERVER), SERVER)
    monkeypatch.setattr(online_features, "PeerProcess", refuse)
    monkeypatch.setattr(online_features, "CALLS", 1)
    row = measure()["online_features"]
    assert row.value is not None and row.value > 0
    assert row.note.endswith(f"{FEAST} cannot be installed here: no such wheel")


def test_a_missing_server_leaves_a_reason_and_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_features, "SERVER", "no-such-server")
    row = measure()["online_features"]
    assert (row.value, row.note) == (None, "no-such-server is not installed here")


def test_mutant_a_reader_of_other_numbers_is_not_compared() -> None:
    values = np.ones((2, 3))
    require_equal(values, values.copy(), "ours")
    with pytest.raises(DataError, match="ours reads other numbers"):
        require_equal(values, values + 1e-16 + 1e-15, "ours")


def test_the_peer_is_the_one_that_the_row_names() -> None:
    name, version = FEAST.split()
    assert f"\n{name.lower()}=={version} " in "\n" + (PEERS / "feast_redis.txt").read_text()
