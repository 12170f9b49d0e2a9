"""A smooth volatility surface from quotes, free of butterfly and calendar arbitrage by construction."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tradeops.domain.errors import InvalidPricingInput, PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.pricing.essvi import EssviSlice
from tradeops.pricing.fit_essvi import fit_slices
from tradeops.pricing.quote_arbitrage import QuoteViolation, find_quote_violations
from tradeops.pricing.smiles import VolatilitySmile


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilitySurface:
    """Implied volatility over log-moneyness and time.

    Between expiries θ, u and v (see `essvi`) run in straight lines of the year fraction, before the first one from
    nothing, so every expiry is free of butterfly arbitrage and no two cross.

    Args:
        years: (E,) rising year fractions, > 0.
        slices: One an expiry.
    """

    years: tuple[float, ...]
    slices: tuple[EssviSlice, ...]

    def __post_init__(self) -> None:
        rising = all(near < far for near, far in pairwise((0.0, *self.years)))
        if not self.years or len(self.years) != len(self.slices) or not rising:
            raise InvalidPricingInput("a surface needs expiries after today, nearest first, and one slice for each")
        for (near, far), (low, high) in zip(pairwise(self.years), pairwise(self.slices), strict=True):
            if not low.stays_below(high):
                raise PricingModelError(f"slices at {near:g} and {far:g} years allow calendar arbitrage")

    def slice_at(self, years: float) -> EssviSlice:
        """The slice of any expiry up to the last quoted one.

        Raises:
            InvalidPricingInput: `years` is not in (0, last]; beyond it nothing is quoted.
        """
        if not 0 < years <= self.years[-1]:
            raise InvalidPricingInput(
                f"expiry in {years:g} years lies outside the quoted surface, (0, {self.years[-1]:g}]", years=years
            )
        place = int(np.searchsorted(self.years, years))
        if place == 0:
            return self.slices[0].shrink(years / self.years[0])
        share = (years - self.years[place - 1]) / (self.years[place] - self.years[place - 1])
        return self.slices[place - 1].mix(self.slices[place], share)

    def volatility(self, log_moneyness: FloatArray, years: float) -> FloatArray:
        """Implied volatility a year.

        Args:
            log_moneyness: (N,) log(strike / forward), any finite number.
            years: Year fraction to the expiry.

        Returns:
            (N,) float64, a fraction, > 0.

        Raises:
            InvalidPricingInput: A number is not finite, or nothing is quoted as far ahead.
        """
        if not np.all(np.isfinite(log_moneyness)):
            raise InvalidPricingInput("log-moneyness must be finite; take the logarithm of strike / forward, both > 0")
        found: FloatArray = np.sqrt(self.slice_at(years).total_variance(log_moneyness) / years)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSurface:
    """A surface, and how it stands to the quotes it was made of.

    Args:
        surface: Free of arbitrage, whatever the quotes.
        violations: Quotes that break a law of prices; the surface cannot pass through all of them.
        misses: One (N,) array a smile: fitted less quoted volatility, a year.
    """

    surface: VolatilitySurface
    violations: tuple[QuoteViolation, ...]
    misses: tuple[FloatArray, ...]


def fit_surface(smiles: Sequence[VolatilitySmile], *, tolerance: float = 1e-9) -> FittedSurface:
    """Smooth quotes into a surface and name those that break a law of prices.

    Args:
        smiles: By rising expiry.
        tolerance: What quotes may be off beside their errors before they are named, as a share of the forward.

    Raises:
        InvalidPricingInput: There is no smile, or they are out of order.
    """
    violations = find_quote_violations(smiles, tolerance=tolerance)
    surface = VolatilitySurface(years=tuple(smile.years for smile in smiles), slices=fit_slices(smiles))
    misses = tuple(surface.volatility(smile.log_moneyness, smile.years) - smile.volatilities for smile in smiles)
    return FittedSurface(surface=surface, violations=violations, misses=misses)
