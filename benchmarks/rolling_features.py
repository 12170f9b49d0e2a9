"""The 21 windowed features of a long history: a row in a block, and a row one at a time.

All compute the same features of the same bars of one name (a test holds them equal). polars runs on as many
threads as it likes, the kernel on one. The floor is the kernel alone, on columns that lie ready in memory.
"""

from collections.abc import Callable
from itertools import cycle
from statistics import median

import numpy as np

from benchmarks.measuring import Measured, interleave, median_ratio, quantile
from benchmarks.rolling_peers import compute_with_pandas, compute_with_polars
from tradeops.domain.market import FloatArray
from tradeops.features.kernels import BAR_ROWS, BLOCK, COLUMN_ROWS, LAGS, SCRATCH_ROWS, WINDOWED_ROWS, advance
from tradeops.features.windowed import WindowedStream, compute_windowed

ROWS = 200_000
EVENTS = 1_000
SEED = 7


def make_bars(rows: int) -> FloatArray:
    """(6, rows): a random walk with splits and dividends."""
    rng = np.random.default_rng(SEED)
    split = np.where(rng.random(rows) < 0.0001, 2.0, 1.0)
    drift = (split - 1.0) * np.log(2.0)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, rows) - drift + drift.mean()))
    high = close * (1.0 + np.abs(rng.normal(0.0, 0.01, rows)))
    low = close * (1.0 - np.abs(rng.normal(0.0, 0.01, rows)))
    volume = rng.integers(100_000, 10_000_000, rows).astype(np.float64)
    dividend = np.where(rng.random(rows) < 0.016, 0.002 * close, 0.0)
    return np.stack([close, high, low, volume, split, dividend])


def make_floor(bars: FloatArray) -> Callable[[], object]:
    """The kernel on padded columns."""
    columns = np.full((COLUMN_ROWS, LAGS + bars.shape[1]), np.nan)
    columns[:BAR_ROWS, LAGS:] = bars
    sums, found = np.empty((SCRATCH_ROWS, BLOCK)), np.empty((WINDOWED_ROWS, bars.shape[1]))
    return lambda: advance(columns, sums, (1, LAGS, bars.shape[1]), found)


def make_stream(bars: FloatArray) -> Callable[[], object]:
    """Each call takes the next session."""
    stream = WindowedStream(1)
    events = cycle([np.ascontiguousarray(bars[:, row : row + 1]) for row in range(2 * EVENTS)])
    return lambda: stream.push(next(events))


def measure() -> dict[str, Measured]:
    """Rows a second as a multiple of polars, and microseconds an event."""
    bars = make_bars(ROWS)
    block = np.ascontiguousarray(bars[:, :, None])
    batch = interleave(
        {
            "ours": lambda: compute_windowed(block),
            "polars": lambda: compute_with_polars(bars),
            "pandas": lambda: compute_with_pandas(bars),
            "floor": make_floor(bars),
        },
        1,
    )
    events = interleave({"ours": make_stream(bars)}, EVENTS)["ours"]
    speed = {name: ROWS / 1e6 / quantile(rounds, 0.5) for name, rounds in batch.items()}
    return {
        "rolling_features": Measured(
            median_ratio(batch["polars"], batch["ours"]),
            f"{len(bars[0]):,} rows x {WINDOWED_ROWS}; million rows/s: ours {speed['ours']:.1f}, "
            f"kernel alone {speed['floor']:.1f}, polars {speed['polars']:.1f}, pandas {speed['pandas']:.2f}",
        ),
        "rolling_features_event": Measured(
            1e6 * median(median(seconds) for seconds in events),
            f"{WINDOWED_ROWS} features; p99 {1e6 * quantile(events, 0.99):.1f} us",
        ),
    }
