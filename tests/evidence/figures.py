"""Figures of a sample, never without its size and its bound."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import beta

CONFIDENCE = 0.95


def bound_rate(events: int, sample: int) -> float:
    """The one-sided 95 % upper bound of a rate (Clopper and Pearson); 0 of n gives 1 − 0.05^(1/n)."""
    return 1.0 if events >= sample else float(beta.ppf(CONFIDENCE, events + 1, sample - events))


def describe_rate(events: int, sample: int) -> dict[str, Any]:
    return {"events": events, "of": sample, "at_most_95": round(bound_rate(events, sample), 6)}


def describe_times(milliseconds: Sequence[float]) -> dict[str, float]:
    median, late = np.quantile(milliseconds, (0.5, 0.99))
    return {"median": round(float(median), 1), "p99": round(float(late), 1), "max": max(milliseconds)}
