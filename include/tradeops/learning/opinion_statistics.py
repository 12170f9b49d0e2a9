"""How well scores go with what followed: rank correlation and the sign, session by session.

Panels are (T, N): T sessions, N names, NaN where there is no value. What each session adds to a
statistic is one row of sums, so that a bootstrap can resample whole sessions.
"""

import numpy as np

from tradeops.domain.market import FloatArray


def rank_average(values: FloatArray) -> FloatArray:
    """(M,) ranks from 1 of (M,) finite values; ties get their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2.0)[inverse]
    return ranks


def sum_rank_products(score: FloatArray, outcome: FloatArray) -> FloatArray:
    """(T, 6) sums of 1, x, y, x², y², x·y over each session, x and y the centred ranks of score and outcome.

    Ranks are taken once over all T·N pairs in which both are known: pooled, so that an opinion that
    is the same for all names counts too.
    """
    known = np.isfinite(score) & np.isfinite(outcome)
    x, y = np.zeros(score.shape), np.zeros(score.shape)
    if known.any():
        for ranks, values in ((x, score), (y, outcome)):
            found = rank_average(values[known])
            ranks[known] = (found - found.mean()) / len(found)
    parts = (known.astype(np.float64), x, y, x * x, y * y, x * y)
    return np.stack([part.sum(axis=1) for part in parts], axis=-1)


def correlate_sums(sums: FloatArray) -> FloatArray:
    """(...) Pearson correlation from (..., 6) sums of 1, x, y, x², y², x·y; 0 where one does not vary.

    Over ranks it is Spearman's rank correlation, here the information coefficient.
    """
    count, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    safe = np.where(count > 0, count, np.nan)
    spread = np.maximum(xx - x * x / safe, 0.0) * np.maximum(yy - y * y / safe, 0.0)
    varies = spread > 1e-18  # noqa: PLR2004 - rounding of sums of centred ranks
    correlation = (xy - x * y / safe) / np.sqrt(np.where(varies, spread, 1.0))
    return np.where(np.isfinite(safe), np.where(varies, correlation, 0.0), np.nan)


def sum_sign_hits(score: FloatArray, outcome: FloatArray) -> FloatArray:
    """(T, 2) right signs and pairs with a sign, over each session; a zero on either side has none."""
    product = np.nan_to_num(score * outcome)
    return np.stack([(product > 0).sum(axis=1), (product != 0).sum(axis=1)], axis=-1).astype(np.float64)


def divide_sums(sums: FloatArray) -> FloatArray:
    """(...) first over second of (..., 2) sums; NaN where the second is zero."""
    part, whole = np.moveaxis(sums, -1, 0)
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
