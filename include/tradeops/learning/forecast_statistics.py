"""How good distributions were: pinball loss of quantiles, and whether probabilities hold what they say."""

from dataclasses import dataclass

import numpy as np

from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.market import FloatArray
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.opinion_statistics import divide_sums

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Forecasts of about the same probability.

    Args:
        count: How many.
        forecast: Their mean probability.
        observed: Share that came true, with its 95 % interval.
    """

    count: int
    forecast: float
    observed: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Bins of equal mass, ascending.

    Args:
        bins: The bins.
        outcomes: Forecasts with an outcome in all.
        calibration_error: Mean of |forecast − observed| over the bins, weighted by their counts.
    """

    bins: tuple[ReliabilityBin, ...]
    outcomes: int
    calibration_error: float


def pinball_loss(quantiles: FloatArray, outcome: FloatArray) -> FloatArray:
    """(...) mean over the five levels of `max(τ·(y − q), (τ − 1)·(y − q))`, in the unit of the outcome.

    The loss that quantile regression minimises (Koenker and Bassett 1978).

    Args:
        quantiles: (..., 5) at `QUANTILE_LEVELS`.
        outcome: (...); NaN gives NaN.
    """
    levels = np.array(QUANTILE_LEVELS)
    miss = outcome[..., None] - quantiles
    loss: FloatArray = np.maximum(levels * miss, (levels - 1.0) * miss).mean(axis=-1)
    return loss


def sum_losses(loss: FloatArray) -> FloatArray:
    """(T, 2) sum of the known losses of a (T, N) panel and their number, over each session."""
    known = np.isfinite(loss)
    return np.stack([np.where(known, loss, 0.0).sum(axis=1), known.sum(axis=1)], axis=-1)


def measure_reliability(probability: FloatArray, outcome: FloatArray, bootstrap: BlockBootstrap) -> Reliability:
    """Compare P(up) with how often it went up, in ten bins of equal mass.

    Args:
        probability: (T, N) forecast, NaN where there is none.
        outcome: (T, N) realised return, NaN where it has not matured.
        bootstrap: Resamples sessions.

    Raises:
        LearningError: Fewer outcomes than bins, or fewer sessions than a block.
    """
    known = np.isfinite(probability) & np.isfinite(outcome)
    flat = np.flatnonzero(known.ravel())
    if flat.size < BINS:
        raise LearningError(f"{flat.size} outcomes do not fill {BINS} bins")
    ordered = flat[np.argsort(probability.ravel()[flat], kind="stable")]
    bins = tuple(_describe_bin(part, probability, outcome, bootstrap) for part in np.array_split(ordered, BINS))
    misses = sum(one.count * abs(one.forecast - one.observed.value) for one in bins)
    return Reliability(bins=bins, outcomes=int(flat.size), calibration_error=misses / flat.size)


def _describe_bin(
    members: np.ndarray, probability: FloatArray, outcome: FloatArray, bootstrap: BlockBootstrap
) -> ReliabilityBin:
    inside = np.zeros(probability.size, dtype=np.bool_)
    inside[members] = True
    mask = inside.reshape(probability.shape)
    rose = mask & (outcome > 0)
    sums = np.stack([rose.sum(axis=1), mask.sum(axis=1)], axis=-1).astype(np.float64)
    return ReliabilityBin(
        count=int(members.size),
        forecast=float(probability.ravel()[members].mean()),
        observed=bootstrap.estimate_sums(sums, divide_sums),
    )
