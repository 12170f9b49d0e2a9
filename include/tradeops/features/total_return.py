"""Total returns from raw prices; nothing restates the past."""

import numpy as np
import numpy.typing as npt

from tradeops.domain.market import FloatArray, MarketView
from tradeops.features.rows import last_rows


def compute_simple_returns(view: MarketView, window: int, columns: npt.NDArray[np.intp] | None = None) -> FloatArray:
    """Total return of each of the last `window` sessions, as a fraction.

    `r_t = (C_t + d_t)·split_t / C_(t-1) − 1`, with d_t the dividend a share after the split.

    Args:
        view: Raw columns; `window + 1` rows of it are read.
        window: Sessions.
        columns: (M,) positions of the instruments in the view; all by default.

    Returns:
        (window, M) float64, oldest first.

    Raises:
        DataError: The view is shorter than `window + 1` rows.
    """
    close = last_rows(view, "close", window + 1, columns)
    dividend = last_rows(view, "dividend", window, columns)
    split = last_rows(view, "split", window, columns)
    returns: FloatArray = (close[1:] + dividend) * split / close[:-1] - 1.0
    return returns
