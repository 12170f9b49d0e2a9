"""Weights that give the book a wanted volatility."""

import math

import numpy as np

from tradeops.domain.market import FloatArray

SESSIONS_A_YEAR = 252


def target_volatility(
    covariance: FloatArray, kept: FloatArray, fresh: FloatArray, volatility_target: float
) -> FloatArray:
    """Weights of the fresh names that bring the whole book to the volatility target.

    The fresh names share risk in inverse proportion to their volatility, `v_i = 1 / σ_i`, scaled by
    the root s ≥ 0 of `(k + s·v)ᵀ Σ (k + s·v) = target² / 252` with the kept weights k fixed; nothing
    when the kept names alone are as volatile. Summed without BLAS.

    Args:
        covariance: (M, M) of simple daily returns.
        kept: (M,) fixed weights, zero for fresh names.
        fresh: (M,) 1.0 where a name is to be sized, else 0.0.
        volatility_target: Of the book, a year.

    Returns:
        (M,) weights ≥ 0 of the fresh names; zero for a name without variation.
    """
    deviation = np.sqrt(np.diagonal(covariance))
    unit = np.divide(fresh, deviation, out=np.zeros(len(fresh)), where=deviation > 0)
    pair = np.array((unit, kept))
    (a, b), (_, kept_variance) = np.einsum("ai,ij,bj->ab", pair, covariance, pair, optimize=False).tolist()
    c = kept_variance - volatility_target**2 / SESSIONS_A_YEAR
    if a <= 0 or c >= 0:
        return np.zeros_like(unit)
    scale = (math.sqrt(b * b - a * c) - b) / a
    weights: FloatArray = unit * scale
    return weights


def cap_weights(weights: FloatArray, single_name: float, room: float) -> FloatArray:
    """Cut each weight at the single-name limit, then all in proportion to the room that is left.

    Args:
        weights: (M,) ≥ 0.
        single_name: Largest weight of one name.
        room: Largest sum.
    """
    capped = np.minimum(weights, single_name)
    total = math.fsum(capped.tolist())
    return capped * (max(room, 0.0) / total) if total > max(room, 0.0) else capped
