"""The windowed features over many sessions at once, and one session after another: the same kernel, the same bits."""

from typing import Final

import numpy as np

from tradeops.domain.errors import DataError
from tradeops.domain.market import FloatArray
from tradeops.features.kernels import (
    BAR_ROWS,
    BLOCK,
    COLUMN_ROWS,
    LAGS,
    SCRATCH_ROWS,
    WINDOWED_ROWS,
    advance,
    push,
)

BAR_COLUMNS = ("close", "high", "low", "volume", "split", "dividend")
WINDOWED = (
    "ret_1",
    "ret_5",
    "ret_20",
    "ret_60",
    "momentum_120_20",
    "reversal_5",
    "vol_20",
    "vol_60",
    "vol_ratio_20_60",
    "downside_vol_60",
    "range_14",
    "range_position_20",
    "drawdown_120",
    "sma_ratio_20",
    "sma_ratio_100",
    "trend_z_100",
    "rsi_14",
    "volume_ratio_20",
    "mfi_14",
    "cmf_20",
    "obv_20",
)


def compute_windowed(bars: FloatArray) -> FloatArray:
    """Windowed features of every session and name.

    Args:
        bars: (6, T, N) in the order of `BAR_COLUMNS`: raw prices in USD, raw shares, new shares for
            an old one (1 when none), USD a share after the split (0 when none); NaN where there is no bar.

    Returns:
        (F, T, N) float64 in the order of `WINDOWED`; NaN where a session of the window is missing.

    Raises:
        DataError: The columns have another shape.
    """
    if bars.ndim != 3 or len(bars) != BAR_ROWS:  # noqa: PLR2004
        raise DataError(f"bars have the shape ({BAR_ROWS}, sessions, names), not {bars.shape}")
    _, sessions, names = bars.shape
    padding, elements = LAGS * names, sessions * names
    columns = np.empty((COLUMN_ROWS, padding + elements))
    columns[:, :padding] = np.nan
    columns[:BAR_ROWS, padding:] = bars.reshape(BAR_ROWS, -1)
    found = np.empty((WINDOWED_ROWS, elements))
    advance(columns, np.empty((SCRATCH_ROWS, BLOCK)), (names, padding, elements), found)
    return found.reshape(WINDOWED_ROWS, sessions, names)


class WindowedStream:
    """The windowed features of some names, one session at a time; of one thread.

    Args:
        names: N, how many names.
        spare: Sessions, ≥ 1, that fit behind the longest window before it is moved to the front again.
    """

    def __init__(self, names: int, spare: int = 4 * LAGS) -> None:
        self._names: Final = names
        self._start = self._padding = LAGS * names
        self._columns = np.full((COLUMN_ROWS, self._padding + spare * names), np.nan)
        self._sums = np.empty((SCRATCH_ROWS, BLOCK))

    def push(self, bars: FloatArray) -> FloatArray:
        """Features after one more session.

        Args:
            bars: (6, N) in the order of `BAR_COLUMNS`; NaN where a name has no bar.

        Returns:
            (F, N) float64 in the order of `WINDOWED`.

        Raises:
            DataError: The bars have another shape.
        """
        if bars.shape != (BAR_ROWS, self._names):
            raise DataError(f"a session's bars have the shape ({BAR_ROWS}, {self._names}), not {bars.shape}")
        if self._start == self._columns.shape[1]:
            self._columns[:, : self._padding] = self._columns[:, -self._padding :].copy()
            self._start = self._padding
        found = np.empty((WINDOWED_ROWS, self._names))
        push(self._columns, self._sums, bars, self._start, found)
        self._start += self._names
        return found
