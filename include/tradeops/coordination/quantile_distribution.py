"""The distribution that five quantiles stand for, a row each."""

import numpy as np

from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.market import FloatArray

_MASSES = np.diff(np.array((0.0, *QUANTILE_LEVELS, 1.0)))


def compute_knots(quantiles: FloatArray) -> FloatArray:
    """Where the distribution function bends.

    It is linear between the quantiles; beyond the outer two it runs straight on to 0 and to 1 over
    the length of the neighbouring segment, as in `residuals.compute_probability_up`.

    Args:
        quantiles: (M, 5) at `QUANTILE_LEVELS`, ascending.

    Returns:
        (M, 7), ascending: `2·q₁ − q₂`, the five, `2·q₅ − q₄`.
    """
    lowest = 2.0 * quantiles[:, :1] - quantiles[:, 1:2]
    highest = 2.0 * quantiles[:, -1:] - quantiles[:, -2:-1]
    return np.concatenate((lowest, quantiles, highest), axis=1)


def compute_mean(quantiles: FloatArray) -> FloatArray:
    """Mean of each row's distribution: `Σ mass · (left + right) / 2` over its six segments.

    Returns:
        (M,) in the unit of the quantiles.
    """
    knots = compute_knots(quantiles)
    middles = (knots[:, :-1] + knots[:, 1:]) / 2.0
    mean: FloatArray = (middles * _MASSES).sum(axis=1)
    return mean


def compute_probability_positive(quantiles: FloatArray) -> FloatArray:
    """Probability of a value above zero; a segment without length is an atom.

    Returns:
        (M,) in [0, 1].
    """
    knots = compute_knots(quantiles)
    left, length = knots[:, :-1], np.diff(knots, axis=1)
    point = length <= 0
    share = np.clip(-left / np.where(point, 1.0, length), 0.0, 1.0)
    below = (np.where(point, left <= 0, share) * _MASSES).sum(axis=1)
    probability: FloatArray = np.clip(1.0 - below, 0.0, 1.0)
    return probability
