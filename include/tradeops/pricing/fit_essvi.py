"""Fits eSSVI slices to smiles so that no point of the search allows arbitrage.

A slice is placed above the one before it by three free numbers: how much θ grows, and in which direction and how far
the wings (u, v) go from the last ones towards the border of what is allowed. Every three numbers are a
slice without butterfly arbitrage that does not cross the one before, so nothing has to be repaired afterwards.
"""

import math
from collections.abc import Sequence

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.pricing.essvi import STEEPEST_WING, EssviSlice
from tradeops.pricing.least_squares import minimise_squares
from tradeops.pricing.smiles import VolatilitySmile

UNKNOWNS = 3
INSIDE = 1 - 1e-12  # off the border by more than rounding
FARTHEST = 30.0  # of a free number: e^-30 is nothing beside 1
SHARES = (-6.0, -2.0, 0.0, 2.0)
DIRECTIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def fit_slices(smiles: Sequence[VolatilitySmile]) -> tuple[EssviSlice, ...]:
    """Find the slices nearest to the quotes, in volatility over each quote's error.

    Args:
        smiles: By rising expiry.

    Returns:
        One slice a smile, without butterfly or calendar arbitrage.
    """
    unknowns = np.empty(0)
    below: EssviSlice | None = None
    for smile in smiles:
        best = _fit_one(smile, below)
        below = _place(best, below)
        unknowns = np.concatenate([unknowns, best])
    if len(smiles) > 1:  # an early slice may give way for a later one
        unknowns = minimise_squares(lambda x: _compare_all(smiles, x), unknowns)
    return _place_all(unknowns)


def _fit_one(smile: VolatilitySmile, below: EssviSlice | None) -> FloatArray:
    near = int(np.argmin(np.abs(smile.log_moneyness)))
    growth = max(float(smile.total_variances[near]) - (below.theta if below else 0.0), 1e-8)
    starts = [np.array([math.log(growth), share, turn]) for share in SHARES for turn in DIRECTIONS]
    promising = sorted(starts, key=lambda x: _cost(smile, below, x))[:2]
    found = [minimise_squares(lambda x: _compare(smile, _place(x, below)), start) for start in promising]
    return min(found, key=lambda x: _cost(smile, below, x))


def _cost(smile: VolatilitySmile, below: EssviSlice | None, unknowns: FloatArray) -> float:
    residuals = _compare(smile, _place(unknowns, below))
    return float(residuals @ residuals)


def _compare(smile: VolatilitySmile, curve: EssviSlice) -> FloatArray:
    volatilities = np.sqrt(curve.total_variance(smile.log_moneyness) / smile.years)
    residuals: FloatArray = (volatilities - smile.volatilities) / smile.errors
    return residuals


def _compare_all(smiles: Sequence[VolatilitySmile], unknowns: FloatArray) -> FloatArray:
    pairs = zip(smiles, _place_all(unknowns), strict=True)
    return np.concatenate([_compare(smile, curve) for smile, curve in pairs])


def _place_all(unknowns: FloatArray) -> tuple[EssviSlice, ...]:
    slices: list[EssviSlice] = []
    for three in unknowns.reshape(-1, UNKNOWNS):
        slices.append(_place(three, slices[-1] if slices else None))
    return tuple(slices)


def _place(unknowns: FloatArray, below: EssviSlice | None) -> EssviSlice:
    growth, share, turn = (float(x) for x in np.clip(unknowns, -FARTHEST, FARTHEST))
    theta = (below.theta if below else 0.0) + math.exp(growth)
    angle = math.pi / 2 * _squeeze(turn)
    along = (math.cos(angle), math.sin(angle))
    start = (below.rise, below.fall) if below else (0.0, 0.0)
    limit = below.psi / below.theta if below else math.inf
    length = max(_find_length(theta, start, along, limit), 0.0) * _squeeze(share) * INSIDE
    return EssviSlice(theta=theta, rise=start[0] + length * along[0], fall=start[1] + length * along[1])


def _find_length(theta: float, start: tuple[float, float], along: tuple[float, float], limit: float) -> float:
    """How far the wings may go: wings ≤ 4, (u + v)·max(u, v) ≤ 8θ, and u + v ≤ 2θ·limit."""
    total, speed = sum(start), sum(along)
    lengths = [(2 * theta * limit - total) / speed]
    for at, by in zip(start, along, strict=True):
        a, b, c = by * speed, by * total + at * speed, at * total - 8 * theta
        lengths.append((STEEPEST_WING - at) / by)
        lengths.append(-2 * c / (b + math.sqrt(max(b * b - 4 * a * c, 0.0))))
    return min(lengths)


def _squeeze(number: float) -> float:
    return 1 / (1 + math.exp(-number))
