"""What a series of equities amounts to; 252 sessions make a year."""

import numpy as np

from tradeops.domain.errors import LearningError
from tradeops.domain.market import FloatArray

YEAR_SESSIONS = 252


def session_returns(equities: FloatArray) -> FloatArray:
    """(T-1,) simple returns of (T,) equities.

    Raises:
        LearningError: Fewer than two, or one that is not positive.
    """
    if len(equities[1:]) == 0 or not (np.isfinite(equities) & (equities > 0)).all():
        raise LearningError("returns need at least two equities, all positive")
    returns: FloatArray = equities[1:] / equities[:-1] - 1.0
    return returns


def annualise_return(returns: FloatArray) -> FloatArray:
    """Geometric return a year along the last axis, as a fraction: `exp(252·mean(log(1 + r))) − 1`."""
    yearly: FloatArray = np.expm1(YEAR_SESSIONS * np.log1p(returns).mean(axis=-1))
    return yearly


def annualise_volatility(returns: FloatArray) -> FloatArray:
    """Sample standard deviation a year along the last axis."""
    yearly: FloatArray = returns.std(axis=-1, ddof=1) * np.sqrt(YEAR_SESSIONS)
    return yearly


def sharpe_ratio(returns: FloatArray) -> FloatArray:
    """Mean over standard deviation, a year, along the last axis; 0 where nothing moves.

    Returns are not reduced by a risk-free rate: cash earns what the cost schedule says.
    """
    spread = returns.std(axis=-1, ddof=1)
    moves = spread > 0
    ratio = returns.mean(axis=-1) / np.where(moves, spread, 1.0) * np.sqrt(YEAR_SESSIONS)
    return np.where(moves, ratio, 0.0)


def largest_drawdown(equities: FloatArray) -> float:
    """Deepest fall from an earlier peak, as a fraction ≤ 0."""
    peaks = np.maximum.accumulate(equities)
    return float((equities / peaks - 1.0).min())
