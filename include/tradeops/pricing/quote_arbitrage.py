"""Names the quotes that no surface without arbitrage can pass through.

Calls in units of the forward, c(x) at x = strike / forward, must fall and be convex in x within an expiry, and must not
fall with time at one x (Carr and Madan, A note on sufficient conditions for no arbitrage, 2005). A pair of quotes on
different strikes is judged by the straight line between neighbours, above which no convex function can lie, so that
what is named is an arbitrage in quoted options and not one in how they were joined.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.pricing.black_scholes import price_with_greeks
from tradeops.pricing.smiles import VolatilitySmile, check_smiles


class ViolationKind(StrEnum):
    """Which law of prices quotes break."""

    BUTTERFLY = "butterfly"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteViolation:
    """Options that could be sold for more than what covers them costs.

    Args:
        kind: The law.
        expiry: Of the quote that is too dear.
        strike: Of that quote, USD a share.
        against: Expiry of the options that cover it; the same for a butterfly.
        amount: What is gained at the quotes themselves, USD a share, undiscounted, > 0.
    """

    kind: ViolationKind
    expiry: date
    strike: float
    against: date
    amount: float

    def __str__(self) -> str:
        cover = "its neighbours" if self.kind is ViolationKind.BUTTERFLY else f"the same moneyness of {self.against}"
        return f"{self.kind}: {self.expiry} strike {self.strike:g} is {self.amount:.4g} dearer than {cover}"


def find_quote_violations(smiles: Sequence[VolatilitySmile], *, tolerance: float = 1e-9) -> tuple[QuoteViolation, ...]:
    """Look for butterfly arbitrage in each expiry and calendar arbitrage between each pair of neighbours.

    Only what is left when each quote is off by its error, to the disadvantage of who trades it, is named.

    Args:
        smiles: By rising expiry.
        tolerance: What quotes may be off beside their errors, as a share of the forward.

    Returns:
        By expiry, then strike; empty when a surface within all quotes' errors may exist.

    Raises:
        InvalidPricingInput: There is no smile, or they are out of order.
    """
    check_smiles(smiles)
    found = [violation for smile in smiles for violation in _find_butterflies(smile, tolerance)]
    for near, far in pairwise(smiles):
        found += _find_calendars(near, far, tolerance)
    return tuple(sorted(found, key=lambda violation: (violation.expiry, violation.strike, violation.kind)))


def _find_butterflies(smile: VolatilitySmile, tolerance: float) -> Iterator[QuoteViolation]:
    x, calls, off = _price_curve(smile)
    # The last call is covered by the one before it, which may be exercised at a lower price.
    left, middle, right = x[:-1], x[1:], np.append(x[2:], np.inf)
    share = (middle - left) / (right - left)
    gains = calls[1:] - (calls[:-1] * (1 - share) + np.append(calls[2:], 0.0) * share)
    costs = off[1:] + off[:-1] * (1 - share) + np.append(off[2:], 0.0) * share
    for place in np.flatnonzero(gains > tolerance + costs):
        yield _describe(ViolationKind.BUTTERFLY, smile, smile, int(place), gains)


def _find_calendars(near: VolatilitySmile, far: VolatilitySmile, tolerance: float) -> Iterator[QuoteViolation]:
    x, calls, off = _price_curve(near)
    far_x, far_calls, far_off = _price_curve(far)
    gains = calls - np.interp(x, far_x, far_calls)
    costs = off + np.interp(x, far_x, far_off)
    for place in np.flatnonzero(gains[1:] > tolerance + costs[1:]):
        yield _describe(ViolationKind.CALENDAR, near, far, int(place), gains[1:])


def _price_curve(smile: VolatilitySmile) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each x, c(x) and what c(x) may be off, with the free option on nothing, c(0) = 1, in front."""
    x = smile.strikes / smile.forward
    calls = price_with_greeks(1, 1.0, x, smile.years, 0.0, 0.0, smile.volatilities)
    return (
        np.concatenate([[0.0], x]),
        np.concatenate([[1.0], calls.value]),
        np.concatenate([[0.0], calls.vega * smile.errors]),
    )


def _describe(
    kind: ViolationKind, smile: VolatilitySmile, against: VolatilitySmile, place: int, gains: FloatArray
) -> QuoteViolation:
    return QuoteViolation(
        kind=kind,
        expiry=smile.expiry,
        strike=float(smile.strikes[place]),
        against=against.expiry,
        amount=float(gains[place]) * smile.forward,
    )
