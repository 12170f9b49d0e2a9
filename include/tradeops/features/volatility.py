"""How much prices moved, and how much together."""

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import DataError
from tradeops.domain.market import FloatArray, MarketView
from tradeops.features.rows import sum_rows
from tradeops.features.total_return import compute_simple_returns

SMALLEST_WINDOW = 2


def compute_volatility(view: MarketView, window: int) -> FloatArray:
    """Realised daily volatility: sample standard deviation of simple total returns.

    Args:
        view: `window + 1` rows of it are read.
        window: Sessions, ≥ 2.

    Returns:
        (N,) float64, a fraction a day; exactly 0 where every return is equal to the first.

    Raises:
        DataError: The view is too short or the window has fewer than two sessions.
    """
    deviations = _centre(compute_simple_returns(view, window))
    volatility: FloatArray = np.sqrt(sum_rows(deviations * deviations) / (window - 1))
    return volatility


def compute_covariance(view: MarketView, window: int, columns: npt.NDArray[np.intp]) -> FloatArray:
    """Sample covariance of simple daily total returns.

    Summed without BLAS (`einsum`, not optimised), so the number of threads cannot reach it.

    Args:
        view: `window + 1` rows of it are read.
        window: Sessions, ≥ 2.
        columns: (M,) positions of the instruments in the view.

    Returns:
        (M, M) float64, symmetric, a day.

    Raises:
        DataError: The view is too short or the window has fewer than two sessions.
    """
    deviations = _centre(compute_simple_returns(view, window, columns))
    product = np.einsum("ti,tj->ij", deviations, deviations, optimize=False)
    covariance: FloatArray = product / (window - 1)
    return covariance


def correlate(covariance: FloatArray) -> FloatArray:
    """Correlation matrix of a covariance matrix; a name without variation is unrelated to all.

    Returns:
        (M, M) float64 in [-1, 1], ones on the diagonal.
    """
    deviation = np.sqrt(np.diagonal(covariance))
    safe = np.where(deviation > 0, deviation, 1.0)
    correlation = np.clip(covariance / safe[:, None] / safe[None, :], -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _centre(returns: FloatArray) -> FloatArray:
    # Shifting by the first row first keeps a constant series at exactly zero.
    window = len(returns)
    if window < SMALLEST_WINDOW:
        raise DataError(f"a spread needs at least two sessions, got {window}", window=window)
    shifted = returns - returns[0]
    centred: FloatArray = shifted - sum_rows(shifted) / window
    return centred
