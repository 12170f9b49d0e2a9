"""Greeks and price of one European option and of 100,000 at once.

Ours checks every input and gives ten numbers a row, the peers check nothing and give six. All run on one thread.
Values and deltas are held equal; py_vollib_vectorized makes its Greeks by differences, to some 1e-6, and its rho
with a dividend yield is another number than QuantLib's and ours.
Where py_vollib_vectorized cannot be installed, its row says so and has no figure.
"""

from collections.abc import Callable
from itertools import cycle

import numpy as np

from benchmarks.greeks_peers import COLUMNS, QuantLibOption, price_with_numpy
from benchmarks.measuring import Measured, interleave, median_ratio, quantile
from benchmarks.peer_process import PeerMissing, PeerProcess
from tradeops.domain.errors import PricingError
from tradeops.domain.market import FloatArray
from tradeops.pricing.black_scholes import price_one_with_greeks, price_with_greeks
from tradeops.pricing.kernels import GREEK_ROWS, value_rows

ROWS, CALLS, BATCHES = 100_000, 5_000, 3
VOLLIB = "py_vollib_vectorized 0.1.1"
CONTRACT = (1.0, 100.0, 105.0, 182 / 365, 0.03, 0.01, 0.2)


def make_columns() -> FloatArray:
    """(7, ROWS): kind, spot, strike, years, rate, dividend yield, volatility."""
    rng = np.random.default_rng(7)
    low, high = (50.0, 50.0, 0.05, 0.0, 0.0, 0.1), (150.0, 150.0, 2.0, 0.05, 0.05, 0.6)
    drawn = rng.uniform(low, high, (ROWS, 6)).T
    return np.stack([rng.choice([-1.0, 1.0], ROWS), *drawn])


def make_floor(columns: FloatArray) -> Callable[[], object]:
    """The kernel alone, into memory that is there."""
    out, refusals = np.empty((GREEK_ROWS, columns.shape[1])), np.empty(columns.shape[1], np.int8)
    kind, spot, strike, years, rate, carry, volatility = columns
    return lambda: value_rows(kind, spot, strike, years, rate, carry, volatility, out, refusals)


def require_equal(columns: FloatArray, found: FloatArray, name: str, within: float) -> None:
    """Refuse to compare the speed of different numbers."""
    ours = price_with_greeks(*columns)
    expected = np.stack([getattr(ours, name) for name in COLUMNS[: len(found)]])
    if not np.allclose(expected, found, rtol=within, atol=within):
        raise PricingError(f"{name} finds other numbers")


def measure() -> dict[str, Measured]:
    """Microseconds of one, and multiples of numpy and of py_vollib_vectorized for many."""
    return {**measure_single(), **measure_batches(make_columns())}


def measure_batches(columns: FloatArray) -> dict[str, Measured]:
    """Multiples of numpy and of py_vollib_vectorized, in the same rounds."""
    require_equal(columns, price_with_numpy(columns), "numpy", 1e-9)
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: price_with_greeks(*columns),
        "numpy": lambda: price_with_numpy(columns),
        "floor": make_floor(columns),
    }
    try:
        with PeerProcess("vollib_vectorized", columns) as vollib:
            vollib.work()
            require_equal(columns, vollib.read()[:2], VOLLIB, 1e-5)
            timed = interleave({**calls, "vollib": vollib.work}, BATCHES)
        note = f"{VOLLIB} {1e3 * quantile(timed['vollib'], 0.5):.0f} ms, in an environment of its own"
        beside = Measured(median_ratio(timed["vollib"], timed["ours"]), note)
    except PeerMissing as missing:
        timed = interleave(calls, BATCHES)
        beside = Measured(None, f"{VOLLIB} cannot be installed here: {missing}")
    milli = {name: 1e3 * quantile(timed[name], 0.5) for name in calls}
    note = "ms: ours {ours:.2f} (10 numbers, checked), kernel alone {floor:.2f}, numpy {numpy:.1f} (6)".format(**milli)
    return {"greeks_batch": Measured(median_ratio(timed["numpy"], timed["ours"]), note), "greeks_batch_vollib": beside}


def measure_single() -> dict[str, Measured]:
    """One option whose spot moves."""
    spots = [99.0, 100.0, 101.0]
    peer, ours_spots = QuantLibOption(CONTRACT, spots), cycle(spots)
    kind, _, *rest = CONTRACT

    def ours() -> tuple[float, ...]:
        return price_one_with_greeks(int(kind), next(ours_spots), *rest)

    if abs(ours()[0] - peer.work()[0]) > 1e-9:
        raise PricingError("QuantLib finds another value")
    timed = interleave({"ours": ours, "peer": peer.work}, CALLS)
    micro = {name: 1e6 * quantile(rounds, 0.5) for name, rounds in timed.items()}
    note = f"10 numbers, checked; QuantLib with kept objects, 6 numbers, {micro['peer']:.1f} us"
    return {"greeks_single": Measured(micro["ours"], note)}
