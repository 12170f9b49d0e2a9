"""One expiry of an extended surface stochastic-volatility-inspired (eSSVI) surface.

Total variance at log-moneyness k, with θ its value at the money, ψ = θφ the steepness and s = ρψ the skew
(Hendriks and Martini, The extended SSVI volatility surface, 2019):

    w(k) = ½·(θ + s·k + √(ψ²k² + 2sθk + θ²))

With u = ψ + s and v = ψ − s, a slice is free of butterfly arbitrage if u, v ≤ 4 and ψ·max(u, v) ≤ 4θ (Gatheral and
Jacquier, Arbitrage-free SVI volatility surfaces, 2014, theorem 4.2), and two slices do not cross if θ, u and v do not
fall and ψ/θ does not rise with time (Corbetta and others, Robust calibration and arbitrage-free interpolation of SSVI
slices, 2019, proposition 3.1).
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from tradeops.domain.errors import PricingModelError
from tradeops.domain.market import FloatArray

STEEPEST_WING = 4.0
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class EssviSlice:
    """Total variance over log-moneyness for one expiry.

    Args:
        theta: θ, total variance at the money, > 0.
        rise: u = ψ + s, twice the slope of the right wing, in (0, 4]; 0 if both wings are flat.
        fall: v = ψ − s, twice the slope of the left wing, in (0, 4]; 0 if both wings are flat.
    """

    theta: float
    rise: float
    fall: float

    def __post_init__(self) -> None:
        steepest = max(self.rise, self.fall)
        flat = self.rise == self.fall == 0
        wings = (flat or min(self.rise, self.fall) > 0) and steepest <= STEEPEST_WING * (1 + ROUNDING)
        bend = self.psi * steepest <= 4 * self.theta * (1 + ROUNDING)
        if not (0 < self.theta < math.inf and wings and bend):
            raise PricingModelError(
                f"slice with θ {self.theta}, u {self.rise}, v {self.fall} allows butterfly arbitrage: u and v must lie "
                "in (0, 4], or both be 0, and ψ·max(u, v) be at most 4θ"
            )

    @property
    def psi(self) -> float:
        """ψ, how steep both wings are together."""
        return (self.rise + self.fall) / 2

    @property
    def skew(self) -> float:
        """Skew s = ρψ."""
        return (self.rise - self.fall) / 2

    def total_variance(self, k: FloatArray) -> FloatArray:
        """w(k), float64 like `k`."""
        found: FloatArray = (self.theta + self.skew * k + self._root(k)) / 2
        return found

    def mix(self, later: Self, share: float) -> Self:
        """The slice between this one and a later one; straight lines in θ, u and v keep both freedoms."""
        return type(self)(
            theta=self.theta + share * (later.theta - self.theta),
            rise=self.rise + share * (later.rise - self.rise),
            fall=self.fall + share * (later.fall - self.fall),
        )

    def shrink(self, share: float) -> Self:
        """The slice at a share in (0, 1] of the time to this one: θ, u and v grow from nothing in straight lines."""
        return type(self)(theta=share * self.theta, rise=share * self.rise, fall=share * self.fall)

    def stays_below(self, later: Self) -> bool:
        """Whether no calendar spread between the two can cost less than nothing."""
        slack = 1 + ROUNDING
        grows = (
            self.theta <= later.theta * slack and self.rise <= later.rise * slack and self.fall <= later.fall * slack
        )
        return grows and later.psi * self.theta <= self.psi * later.theta * slack

    def _root(self, k: FloatArray) -> FloatArray:
        # ψ² − s² = uv keeps the sum of squares, which cannot go below 0 by rounding.
        bent = self.skew * k + self.theta
        found: FloatArray = np.sqrt(bent * bent + self.rise * self.fall * k * k)
        return found
