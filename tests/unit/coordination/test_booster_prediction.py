"""Predictions through the C interface are the very bits of the package's own."""

import gc
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

from tests.unit.coordination.boosters import make_rows, train_booster
from tradeops.coordination.booster_prediction import FEW_ROWS, Booster
from tradeops.domain.errors import CoordinationError, CorruptInput


@pytest.mark.parametrize("width", [1, 5, 16])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bits_equal_the_packages_for_one_and_many_rows_with_missing_values(seed: int, width: int) -> None:
    peer = train_booster(seed, width)
    ours = Booster(peer.model_to_string(), width)

    for count in (0, 1, 2, FEW_ROWS, FEW_ROWS + 1, 300):
        rows = make_rows(seed + 100, count, width)
        if count:
            assert ours.predict(rows).tobytes() == peer.predict(rows).tobytes()
        else:
            assert ours.predict(rows).shape == (0,)


def test_rows_in_another_memory_order_are_the_same_rows() -> None:
    peer = train_booster(1, 5)
    ours, rows = Booster(peer.model_to_string(), 5), make_rows(7, 50, 5)

    assert ours.predict(np.asfortranarray(rows)).tobytes() == peer.predict(rows).tobytes()
    assert ours.predict(rows[::2][:3]).tobytes() == peer.predict(rows[::2][:3]).tobytes()


def test_mutant_another_booster_gives_other_bits() -> None:
    rows = make_rows(7, 50, 5)
    assert Booster(train_booster(1, 5).model_to_string(), 5).predict(rows).tobytes() != (
        train_booster(2, 5).predict(rows).tobytes()
    )


def test_text_of_another_width_or_no_booster_at_all_is_refused() -> None:
    with pytest.raises(CorruptInput, match="5 inputs"):
        Booster(train_booster(1, 5).model_to_string(), 4)
    with pytest.raises(CorruptInput):
        Booster("tree\nversion=v4\nnothing", 4)


def test_rows_of_another_width_and_closed_boosters_are_refused() -> None:
    booster = Booster(train_booster(1, 5).model_to_string(), 5)
    with pytest.raises(CoordinationError):
        booster.predict(np.zeros((2, 4)))
    booster.close()
    booster.close()
    with pytest.raises(CoordinationError):
        booster.predict(np.zeros((2, 5)))


def test_a_forgotten_booster_is_freed() -> None:
    booster = Booster(train_booster(1, 5).model_to_string(), 5)
    finaliser, seen = booster._free, weakref.ref(booster)
    del booster
    gc.collect()
    assert seen() is None
    assert not finaliser.alive


def test_the_package_is_never_imported() -> None:
    code = (
        "import sys; from tradeops.coordination.booster_prediction import Booster\n"
        "Booster(sys.stdin.read(), 5); assert 'lightgbm' not in sys.modules"
    )
    text = train_booster(1, 5).model_to_string()
    done = subprocess.run([sys.executable, "-c", code], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def test_a_booster_loaded_after_the_process_was_held_to_one_thread_keeps_it_there() -> None:
    code = (
        "import sys; from threadpoolctl import threadpool_info, threadpool_limits\n"
        "from tradeops.coordination.booster_prediction import Booster\n"
        "with threadpool_limits(limits=1):\n"
        "    Booster(sys.stdin.read(), 5)\n"
        "    print(sorted({pool['num_threads'] for pool in threadpool_info()}))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    text = train_booster(1, 5).model_to_string()
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, text=True, capture_output=True, check=False, env=environment
    )
    assert (done.stdout, done.stderr) == ("[1]\n", "")


def test_a_booster_loaded_after_a_fork_predicts() -> None:
    peer, rows = train_booster(1, 5), make_rows(7, 50, 5)
    text, expected = peer.model_to_string(), peer.predict(rows).tobytes()
    Booster(text, 5).predict(rows)
    child = os.fork()
    if child == 0:
        os._exit(0 if Booster(text, 5).predict(rows).tobytes() == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
