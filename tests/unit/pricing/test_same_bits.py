"""Another processor finds the same bits: here a plain one without wide registers and without fused operations."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.architecture.source_tree import ROOT
from tradeops.domain.market import FloatArray
from tradeops.pricing.black_scholes import GreekNumbers, price_one_with_greeks, price_with_greeks

ROWS = 300
RECORDED = "78f38f954db4e397535a4824458ac9dc2ad29afacd902057bcc50e622e49ab74"  # pragma: allowlist secret
ELSEWHERE = """
from tests.unit.pricing.test_same_bits import draw, hash_bits, price_one_by_one
from tradeops.pricing.kernels import value_one
print(hash_bits(price_one_by_one(draw())))
assert not any("vfmadd" in code for code in value_one.inspect_asm().values())
"""


def draw() -> FloatArray:
    """(7, ROWS) by + and × alone: kind, spot, strike, years, rate, dividend yield, volatility."""
    low, high = (50.0, 20.0, 0.001, -0.02, 0.0, 0.01), (150.0, 400.0, 9.0, 0.1, 0.06, 1.8)
    rng = np.random.default_rng(3)
    return np.stack([rng.choice([-1.0, 1.0], ROWS), *rng.uniform(low, high, (ROWS, 6)).T])


def price_one_by_one(columns: FloatArray) -> FloatArray:
    return np.array([price_one_with_greeks(*row) for row in columns.T.tolist()]).T


def hash_bits(found: FloatArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(found, "<f8").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def many() -> FloatArray:
    found = price_with_greeks(*draw())
    return np.stack([getattr(found, name) for name in GreekNumbers._fields])


def test_a_plain_processor_finds_the_same_bits(many: FloatArray, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", ELSEWHERE]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hash_bits(many)


def test_the_bits_are_those_that_were_recorded(many: FloatArray) -> None:
    assert hash_bits(many) == RECORDED


def test_mutant_one_ulp_is_found(many: FloatArray) -> None:
    mutant = many.copy()
    mutant[0, 7] = np.nextafter(mutant[0, 7], np.inf)
    assert hash_bits(mutant) != RECORDED
