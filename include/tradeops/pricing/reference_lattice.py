"""The value of one option on Leisen and Reimer's lattice, to check the kernel with: the same tree, written another way.

Each node's spot is a power of the two steps, not the node before times one, and a whole level is rolled back at once.
"""

import math

import numpy as np

from tradeops.domain.errors import PricingModelError
from tradeops.pricing.closed_form import ReferenceOption


def compute_on_lattice(option: ReferenceOption, *, american: bool, steps: int) -> float:
    """The value, in the currency of spot and strike.

    Raises:
        PricingModelError: A probability or a node lies outside what a float64 holds.
    """
    if not option.years:
        return max(0.0, option.kind * (option.spot - option.strike))
    try:
        with np.errstate(all="ignore"):
            found = _roll_back(option, american, steps)
    except (OverflowError, ValueError, ZeroDivisionError) as error:
        raise PricingModelError(f"no lattice of {steps} steps reaches from spot to strike of {option}") from error
    if not math.isfinite(found):
        raise PricingModelError(f"a node of the lattice of {option} lies outside what a float64 holds")
    return found


def _roll_back(option: ReferenceOption, american: bool, steps: int) -> float:
    pace, spread = option.years / steps, option.volatility * math.sqrt(option.years)
    drift = (option.rate - option.dividend_yield) * pace
    lower = (math.log(option.spot / option.strike) + drift * steps) / spread - spread / 2
    chance, share = _invert(lower, steps), _invert(lower + spread, steps)
    up, down = drift + math.log(share / chance), drift + math.log((1 - share) / (1 - chance))
    discount, start, ups = math.exp(-option.rate * pace), math.log(option.spot), np.arange(steps + 1.0)
    values = np.maximum(option.kind * (np.exp(start + ups * up + ups[::-1] * down) - option.strike), 0.0)
    for level in range(steps, 0, -1):
        values = discount * (chance * values[1:] + (1 - chance) * values[:-1])
        if american:
            spots = np.exp(start + ups[:level] * up + ups[level - 1 :: -1] * down)
            values = np.maximum(values, option.kind * (spots - option.strike))
    return float(values[0])


def _invert(z: float, steps: int) -> float:
    """Peizer and Pratt's second inversion."""
    scaled = z / (steps + 1 / 3 + 0.1 / (steps + 1))
    return 0.5 + math.copysign(0.5, z) * math.sqrt(-math.expm1(-scaled * scaled * (steps + 1 / 6)))
