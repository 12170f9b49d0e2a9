"""Total return, built forward from raw prices; nothing restates the past."""

import numpy as np

from tradeops.domain.errors import DataError
from tradeops.domain.market import FloatArray, MarketView


def last_rows(view: MarketView, column: str, rows: int) -> FloatArray:
    """The newest `rows` rows of a column, oldest first.

    Raises:
        DataError: The view is shorter, so the look-back would not be the declared one.
    """
    if not 0 < rows <= len(view.sessions):
        raise DataError(
            f"a look-back of {rows} rows needs as many in the view, which holds {len(view.sessions)}",
            rows=rows,
        )
    return view.columns[column][-rows:]


def compute_simple_returns(view: MarketView, window: int) -> FloatArray:
    """Total return of each of the last `window` sessions, as a fraction.

    `r_t = (C_t + d_t)·split_t / C_(t-1) − 1`, with d_t the dividend a share after the split.

    Args:
        view: Raw columns; `window + 1` rows of it are read.
        window: Sessions.

    Returns:
        (window, N) float64, oldest first.

    Raises:
        DataError: The view is shorter than `window + 1` rows.
    """
    close = last_rows(view, "close", window + 1)
    dividend = last_rows(view, "dividend", window)
    split = last_rows(view, "split", window)
    returns: FloatArray = (close[1:] + dividend) * split / close[:-1] - 1.0
    return returns


def build_total_return_index(view: MarketView, rows: int) -> FloatArray:
    """Total-return index over the last `rows` sessions, 1 at the first of them.

    `I_t = I_(t-1)·(C_t + d_t)·split_t / C_(t-1)`, multiplied up in the order of the sessions, so
    that what lies before the window cannot reach a value in it.

    Returns:
        (rows, N) float64, oldest first.

    Raises:
        DataError: The view is shorter than `rows`.
    """
    index = np.ones((rows, len(view.instruments)))
    if rows > 1:
        index[1:] += compute_simple_returns(view, rows - 1)
    return np.multiply.accumulate(index, axis=0)


def sum_rows(values: FloatArray) -> FloatArray:
    """Sum over axis 0, row after row.

    `np.sum` picks its order of addition by the array's shape; this does not, so an instrument's
    figure has the same bits whatever else stands in the view.
    """
    total: FloatArray = np.add.accumulate(values, axis=0)[-1]
    return total
