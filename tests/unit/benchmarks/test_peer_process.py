"""A peer in a process of its own works on call, and one that cannot be had says why."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer_process
from benchmarks.greeks_and_price import measure_batches, require_equal
from benchmarks.greeks_peers import price_with_numpy
from benchmarks.peer_process import PeerMissing, PeerProcess, make_environment
from tradeops.domain.errors import PricingError
from tradeops.domain.market import FloatArray

DOUBLING = """
import sys
import numpy as np
for _ in sys.stdin:
    np.save(sys.argv[2], 2 * np.load(sys.argv[1]))
    print(flush=True)
"""


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(peer_process, "PEERS", tmp_path)
    monkeypatch.setattr(peer_process, "ENVIRONMENTS", tmp_path / "environments")
    return tmp_path


def test_a_peer_works_through_its_columns(peers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_process, "make_environment", lambda _: Path(sys.executable))
    (peers / "doubling.py").write_text(DOUBLING)
    with PeerProcess("doubling", np.ones((2, 3))) as peer:
        peer.work()
        assert peer.read().tolist() == [[2.0] * 3] * 2


def test_a_peer_that_dies_is_missing(peers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_process, "make_environment", lambda _: Path(sys.executable))
    (peers / "dying.py").write_text("import sys\nsys.stdin.readline()\n")
    with PeerProcess("dying", np.ones(1)) as peer, pytest.raises(PeerMissing, match="ended early"):
        peer.work()


def test_packages_that_cannot_be_had_give_the_reason(peers: Path) -> None:
    (peers / "gone.txt").write_text("numpy==1.26.4\n")  # without a hash it is refused before anything is fetched
    with pytest.raises(PeerMissing, match="hash"):
        make_environment("gone")


def test_a_missing_peer_leaves_a_row_with_its_name_and_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PeerMissing("no such wheel")

    monkeypatch.setattr("benchmarks.greeks_and_price.PeerProcess", refuse)
    columns = np.array([[1.0, 100.0, 100.0, 1.0, 0.0, 0.0, 0.2]] * 200).T.copy()
    row = measure_batches(columns)["greeks_batch_vollib"]
    assert row.value is None
    assert row.note == "py_vollib_vectorized 0.1.1 cannot be installed here: no such wheel"


def test_mutant_a_peer_with_other_numbers_is_not_compared() -> None:
    columns = np.array([[1.0, 100.0, 100.0, 1.0, 0.0, 0.0, 0.2]]).T.copy()
    found: FloatArray = price_with_numpy(columns)
    require_equal(columns, found, "numpy", 1e-9)
    with pytest.raises(PricingError, match="numpy finds other numbers"):
        require_equal(columns, found * (1 + 1e-6), "numpy", 1e-9)
