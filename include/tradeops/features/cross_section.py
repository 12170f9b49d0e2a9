"""What a name is among the others of its universe, and what they are together."""

import numpy as np

from tradeops.domain.market import FloatArray

DIGITS = 12  # differences beyond them are rounding, and decide no rank
ALONE = 0.5


def rank_names(values: FloatArray) -> FloatArray:
    """Rank within the universe: 0 the lowest, 1 the highest, equal steps between.

    Values are compared after rounding to 1e-12; of equal ones the earlier name is the lower.

    Args:
        values: (N,) of the universe, ascending by instrument; NaN where unknown.

    Returns:
        (N,) float64 in [0, 1], NaN where unknown; 0.5 for the only known one.
    """
    ranks = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 1:
        ranks[known] = ALONE
    elif len(known):
        order = np.argsort(np.round(values[known], DIGITS), kind="stable")
        ranks[known[order]] = np.arange(len(known)) / (len(known) - 1)
    return ranks


def measure_breadth(above: FloatArray) -> float:
    """Share of the known names whose distance above their mean is positive; NaN when none is known."""
    known = above[~np.isnan(above)]
    return np.count_nonzero(known > 0.0) / len(known) if len(known) else np.nan
