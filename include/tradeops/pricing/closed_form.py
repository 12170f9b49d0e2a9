"""European values and Greeks of one option, to check the kernel with: the same model, written another way.

Only the definition of d₁ is shared, as it has to be. The in-the-money side comes from the other one by put-call
parity, theta from the Black-Scholes equation, rho from what is borrowed, charm from the drift of d₁.
"""

import math
import sys
from collections.abc import Mapping
from typing import NamedTuple, Self

from tradeops.domain.errors import PricingModelError

NO_SPREAD = 1e-150  # σ√T below it is 0: the limits hold
FARTHEST = 1e100  # of d₁ and d₂, whose product must stay finite
NOTHING = 1e-90
EPSILON = sys.float_info.epsilon


class ReferenceOption(NamedTuple):
    """A European option after Black, Scholes and Merton.

    Args:
        kind: +1 call, −1 put.
        spot: Currency, > 0.
        strike: Currency, > 0.
        years: To expiry, ≥ 0.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate.
        volatility: Fraction per square root of a year, ≥ 0.
    """

    kind: int
    spot: float
    strike: float
    years: float
    rate: float
    dividend_yield: float
    volatility: float


class _Parts(NamedTuple):
    share: float  # spot · e^(−qT)
    bond: float  # strike · e^(−rT)
    discount: float  # e^(−qT)
    moneyness: float  # log of forward over strike
    spread: float  # σ√T
    upper: float  # d₁
    lower: float  # d₂
    density: float  # e^(−qT) · normal density at d₁

    @classmethod
    def of(cls, option: ReferenceOption) -> Self:
        _, spot, strike, years, rate, carry, volatility = option
        try:
            discount, bond = math.exp(-carry * years), strike * math.exp(-rate * years)
        except OverflowError as error:
            raise PricingModelError(f"a discount over {years} years lies outside what a float64 holds") from error
        moneyness, spread = math.log(spot / strike) + (rate - carry) * years, volatility * math.sqrt(years)
        upper = lower = math.copysign(FARTHEST, moneyness)
        if spread >= NO_SPREAD:
            upper, lower = (_clip(moneyness / spread + sign * spread / 2) for sign in (1, -1))
        density = discount * math.exp(-upper * upper / 2) / math.sqrt(2 * math.pi)
        return cls(spot * discount, bond, discount, moneyness, spread, upper, lower, density)


def compute_reference(option: ReferenceOption) -> Mapping[str, float]:
    """Value and Greeks by the names and in the units of `GreekColumns`; at σ√T = 0 their limits.

    Raises:
        PricingModelError: A number is larger than a float64 holds.
    """
    kind, spot, _, years, rate, carry, volatility = option
    parts = _Parts.of(option)
    side = -1 if parts.moneyness > 0 else 1  # the side out of the money loses no digits
    value = side * (
        parts.share * integrate_normal(side * parts.upper) - parts.bond * integrate_normal(side * parts.lower)
    )
    delta = side * parts.discount * integrate_normal(side * parts.upper)
    if side != kind:
        value, delta = value + kind * (parts.share - parts.bond), delta + kind * parts.discount
    curve = _curve(option, parts)
    decay = (volatility * spot) * (volatility * spot * curve["gamma"]) / 2
    return {
        **curve,
        "value": value,
        "delta": delta,
        "theta": rate * value - (rate - carry) * spot * delta - decay,
        "rho": years * (spot * delta - value),
        "dividend_rho": -years * spot * delta,
        "charm": carry * delta - _turn(option, parts),
    }


def measure_scale(option: ReferenceOption) -> Mapping[str, float]:
    """For each number the size of the terms it is a sum of: a rounding error is a share of these.

    What is less than 1e-90 of a share counts as nothing: there floats run out.
    """
    _, spot, strike, years, rate, carry, volatility = option
    parts = _Parts.of(option)
    parts = parts._replace(
        share=parts.share + NOTHING * spot,
        bond=parts.bond + NOTHING * strike,
        discount=parts.discount + NOTHING,
        density=parts.density + NOTHING * (1 + parts.discount),
    )
    both = parts.share + parts.bond
    curve = _curve(option, parts)
    flat = parts.spread < NO_SPREAD
    decay = (volatility * spot) * (volatility * spot * curve["gamma"]) / 2
    return {
        "value": both,
        "delta": parts.discount,
        "gamma": curve["gamma"],
        "vega": curve["vega"],
        "theta": (abs(rate) + abs(carry)) * both + decay,
        "rho": years * both,
        "dividend_rho": years * parts.share,
        "vanna": 0.0 if flat else parts.density * (1 + abs(parts.lower)) / volatility,
        "volga": 0.0 if flat else curve["vega"] * (1 + abs(parts.upper) * (1 + abs(parts.lower))) / volatility,
        "charm": abs(carry) * parts.discount + _turn(option, parts, size=True),
    }


def measure_condition(option: ReferenceOption) -> float:
    """The share of a number's scale that one rounding of the moneyness moves it by; large only where σ√T is tiny."""
    parts = _Parts.of(option)
    if parts.spread < NO_SPREAD:
        return 0.0
    size = abs(math.log(option.spot / option.strike)) + abs((option.rate - option.dividend_yield) * option.years)
    return EPSILON * (1 + size) / parts.spread * (1 + abs(parts.upper)) ** 2


def _curve(option: ReferenceOption, parts: _Parts) -> dict[str, float]:
    if parts.spread < NO_SPREAD:
        return dict.fromkeys(("gamma", "vega", "vanna", "volga"), 0.0)
    vega = option.spot * parts.density * math.sqrt(option.years)
    return {
        "gamma": parts.density / (option.spot * parts.spread),
        "vega": vega,
        "vanna": -parts.density * parts.lower / option.volatility,
        "volga": vega * parts.upper * parts.lower / option.volatility,
    }


def _turn(option: ReferenceOption, parts: _Parts, *, size: bool = False) -> float:
    """What the change of d₁ with the years left adds to delta; or the size of its terms."""
    if parts.spread < NO_SPREAD or not parts.density:  # beside no density the others may be infinite
        return 0.0
    drift, narrowing = (option.rate - option.dividend_yield) / parts.spread, parts.lower / (2 * option.years)
    return parts.density * (abs(drift) + abs(narrowing) if size else drift - narrowing)


def integrate_normal(deviation: float) -> float:
    """Probability that a standard normal number is below `deviation`."""
    return math.erfc(-deviation / math.sqrt(2)) / 2


def _clip(number: float) -> float:
    return min(max(number, -FARTHEST), FARTHEST)
