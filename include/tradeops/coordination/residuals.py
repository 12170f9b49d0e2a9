"""How forecasts spread around their mean, and what that says about the sign."""

import numpy as np

from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import FloatArray

RESIDUAL_PARAMETERS = ("q05", "q25", "q50", "q75", "q95")


def read_residual_quantiles(learner: LearnerState) -> FloatArray:
    """(5,) quantiles of (outcome − mean) / sigma at `QUANTILE_LEVELS`.

    Raises:
        LearningError: A quantile is missing, or they cross.
    """
    missing = [name for name in RESIDUAL_PARAMETERS if name not in learner.parameters]
    if missing:
        raise LearningError(f"learner state {learner.learner} lacks {', '.join(missing)}")
    quantiles = np.array([learner.parameters[name] for name in RESIDUAL_PARAMETERS])
    if not np.isfinite(quantiles).all() or (np.diff(quantiles) < 0).any():
        raise LearningError(f"quantiles of learner {learner.learner} cross or are not finite")
    return quantiles


def compute_probability_up(standardised_mean: FloatArray, residuals: FloatArray) -> FloatArray:
    """Probability of a positive raw return.

    The distribution function is linear between the five quantiles. Beyond the outer two it runs
    straight on to 0 and to 1 over the length of the neighbouring segment, so the tails hold 5 %
    each at a quarter of the neighbour's density.

    Args:
        standardised_mean: (M,) mean / sigma.
        residuals: (5,) residual quantiles, ascending.

    Returns:
        (M,) float64 in [0, 1].
    """
    lowest = 2.0 * residuals[0] - residuals[1]
    highest = 2.0 * residuals[-1] - residuals[-2]
    knots = np.concatenate(([lowest], residuals, [highest]))
    levels = np.array((0.0, *QUANTILE_LEVELS, 1.0))
    probability: FloatArray = 1.0 - np.interp(-standardised_mean, knots, levels)
    return probability
