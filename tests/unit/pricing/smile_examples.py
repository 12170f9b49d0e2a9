"""Smiles made by formula, and a judge of surfaces that knows nothing of how they are made."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import erfc, exp, sqrt

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.pricing.smiles import VolatilitySmile
from tradeops.pricing.surface import VolatilitySurface

TODAY = date(2026, 1, 2)
YEARS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
GRID = np.linspace(-1.5, 1.5, 121)


def make_smile(years: float, variance: object, *, count: int = 11, forward: float = 100.0) -> VolatilitySmile:
    """Quotes from three deviations below to two above the forward, in steps of equal log-moneyness."""
    k = np.linspace(-3.0, 2.0, count) * 0.2 * sqrt(years)
    return VolatilitySmile(
        expiry=TODAY + timedelta(days=round(years * 365)),
        years=years,
        forward=forward,
        strikes=forward * np.exp(k),
        volatilities=np.sqrt(np.asarray(variance(k), np.float64) / years),  # type: ignore[operator]
        errors=np.full(count, 0.002),
    )


def ssvi(years: float, k: FloatArray) -> FloatArray:
    """Gatheral and Jacquier's power law: within the family that is fitted."""
    theta, rho = 0.04 * years, -0.6
    phi = 1.2 / theta**0.4
    return theta / 2 * (1 + rho * phi * k + np.sqrt((phi * k + rho) ** 2 + 1 - rho**2))


def svi(years: float, k: FloatArray) -> FloatArray:
    """A raw SVI slice with five parameters: outside the family."""
    return 0.024 * years + 0.08 * sqrt(years) * (-0.5 * (k - 0.02) + np.sqrt((k - 0.02) ** 2 + 0.15**2))


def make_smiles(formula: object, years: Sequence[float] = YEARS) -> list[VolatilitySmile]:
    return [make_smile(t, lambda k, t=t: formula(t, k)) for t in years]  # type: ignore[operator,misc]


def call(k: float, volatility: float, years: float) -> float:
    """An undiscounted call in units of the forward, term by term."""
    s = volatility * sqrt(years)
    upper, lower = -k / s + s / 2, -k / s - s / 2
    return 0.5 * erfc(-upper / sqrt(2)) - exp(k) * 0.5 * erfc(-lower / sqrt(2))


def judge(surface: VolatilitySurface, years: Sequence[float]) -> list[str]:
    """What is wrong with call prices on a grid: they must fall and bend upwards in strike, and not fall with time."""
    times = sorted({*years, *((a + b) / 2 for a, b in pairwise(years)), years[0] / 3})
    rows = [[call(k, v, t) for k, v in zip(GRID, surface.volatility(GRID, t), strict=True)] for t in times]
    x, found = np.exp(GRID), []
    for t, row in zip(times, np.asarray(rows), strict=True):
        slopes = np.diff(row) / np.diff(x)
        if np.any(slopes > 1e-12) or np.any(slopes < -1 - 1e-9) or np.any(np.diff(slopes) < -1e-9):
            found.append(f"butterfly at {t:g}")
    crossed = np.any(np.diff(np.asarray(rows), axis=0) < -1e-12, axis=1)
    return found + [f"calendar at {times[place + 1]:g}" for place in np.flatnonzero(crossed)]
