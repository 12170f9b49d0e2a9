"""American values of one option after Bjerksund and Stensland (2002), to check the kernel with.

The formulas as in the authors' "Closed Form Valuation of American Options", with prices in strikes, a sum of factors
times probabilities; the bivariate normal probability is one integral over the first variable, after Gauss and
Legendre. A put is the call with spot and strike, and rate and dividend yield, exchanged.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tradeops.domain.errors import PricingModelError
from tradeops.pricing.closed_form import ReferenceOption, compute_reference, integrate_normal

EARLY = (math.sqrt(5) - 1) / 2  # of the years: until then the outer boundary holds
FARTHEST = 9.0  # deviations beyond which a normal density is nothing
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(120)
ROUNDING = 1e-13  # of a factor


class AmericanReference(NamedTuple):
    """A value, and the size of the terms it is the sum of: rounding errors are a share of it."""

    value: float
    rounding: float


class _Call(NamedTuple):
    """In strikes; boundaries as logarithms."""

    log_spot: float
    years: float
    rate: float
    carry: float
    volatility: float
    outer: float
    inner: float


def compute_american(option: ReferenceOption) -> AmericanReference:
    """The value, never below the European one or immediate exercise, and what rounding may move it by.

    Raises:
        PricingModelError: A factor is larger than a float64 holds.
    """
    least = max(compute_reference(option)["value"], option.kind * (option.spot - option.strike))
    if option.kind < 0:
        option = option._replace(
            spot=option.strike, strike=option.spot, rate=option.dividend_yield, dividend_yield=option.rate
        )
    if option.dividend_yield <= 0 or not option.years:
        return AmericanReference(least, 0.0)
    try:
        found, size = _sum_terms(option)
    except (OverflowError, ValueError, ZeroDivisionError) as error:
        raise PricingModelError(f"a factor of {option} lies outside what a float64 holds") from error
    return AmericanReference(max(option.strike * found, least), ROUNDING * option.strike * size)


def _sum_terms(option: ReferenceOption) -> tuple[float, float]:
    beta, inner, outer = _find_boundaries(option)
    spot = option.spot / option.strike
    if spot >= outer:
        return spot - 1, 0.0
    carry = option.rate - option.dividend_yield
    high, low, strike = math.log(outer), math.log(inner), 0.0
    call = _Call(math.log(spot), option.years, option.rate, carry, option.volatility, high, low)
    at_outer, at_inner = math.log(outer - 1) - beta * high, math.log(inner - 1) - beta * low
    terms = [(math.exp(at_outer + beta * call.log_spot), 1.0)]
    for sign, power, unit, barrier in (
        (-1, beta, at_outer, high), (1, 1, 0, high), (-1, 1, 0, low), (-1, 0, 0, high), (1, 0, 0, low),
        (1, beta, at_inner, low),
    ):  # fmt: skip
        terms += _claim_early(call, power, sign, unit, barrier)
    for sign, power, unit, barrier in (
        (-1, beta, at_inner, low), (1, 1, 0, low), (-1, 1, 0, strike), (-1, 0, 0, low), (1, 0, 0, strike),
    ):  # fmt: skip
        terms += _claim_late(call, power, sign, unit, barrier)
    return math.fsum(factor * chance for factor, chance in terms), sum(abs(factor) for factor, _ in terms)


def _find_boundaries(option: ReferenceOption) -> tuple[float, float, float]:
    """β, and the boundaries after and until the early time, in strikes."""
    variance, carry = option.volatility**2, option.rate - option.dividend_yield
    beta = 0.5 - carry / variance + math.sqrt((carry / variance - 0.5) ** 2 + 2 * option.rate / variance)
    never, last = beta / (beta - 1), max(1.0, option.rate / option.dividend_yield)

    def grow(years: float) -> float:
        speed = (carry * years + 2 * option.volatility * math.sqrt(years)) / ((never - last) * last)
        return last - (never - last) * math.expm1(-speed)

    return beta, grow(EARLY * option.years), grow(option.years)


def _claim_early(call: _Call, power: float, sign: int, unit: float, barrier: float) -> Iterator[tuple[float, float]]:
    """Factors and chances of φ: spot^power below a barrier at the early time, the outer boundary never reached."""
    years = EARLY * call.years
    spread, drift, growth, tilt = _measure(call, power, years)
    deviation = (barrier - call.log_spot - drift) / spread
    ahead = call.outer - call.log_spot
    factor = unit + power * call.log_spot + growth
    yield sign * math.exp(factor), integrate_normal(deviation)
    yield -sign * math.exp(factor + tilt * ahead), integrate_normal(deviation - 2 * ahead / spread)


def _claim_late(call: _Call, power: float, sign: int, unit: float, barrier: float) -> Iterator[tuple[float, float]]:
    """Factors and chances of Ψ: as φ at the end, with the inner boundary in force from the early time on."""
    spot, outer, inner = call.log_spot, call.outer, call.inner
    early_spread, early_drift, _, _ = _measure(call, power, EARLY * call.years)
    spread, drift, growth, tilt = _measure(call, power, call.years)
    factor, mirrored, root = unit + power * spot + growth, 2 * outer - spot, math.sqrt(EARLY)
    for turn, by, start, end, side in (
        (1, 0.0, spot, spot, 1),
        (-1, outer - spot, mirrored, mirrored, 1),
        (-1, inner - spot, spot, 2 * inner - spot, -1),
        (1, inner - outer, mirrored, spot + 2 * (inner - outer), -1),
    ):
        first, last = (inner - start - side * early_drift) / early_spread, (barrier - end - drift) / spread
        yield turn * sign * math.exp(factor + tilt * by), _integrate_both(first, last, side * root)


def _measure(call: _Call, power: float, years: float) -> tuple[float, float, float, float]:
    """Standard deviation and drift of the logarithm, log growth of the claim, and the exponent κ of a reflection."""
    variance = call.volatility**2
    drift = (call.carry + (power - 0.5) * variance) * years
    growth = (-call.rate + power * call.carry + power * (power - 1) * variance / 2) * years
    return call.volatility * math.sqrt(years), drift, growth, 2 * call.carry / variance + 2 * power - 1


def _integrate_both(first: float, last: float, correlation: float) -> float:
    """P(X < first, Y < last)."""
    top = min(first, FARTHEST)
    if top <= -FARTHEST:
        return 0.0
    half = (top + FARTHEST) / 2
    rest = math.sqrt(1 - correlation**2)
    return half * math.fsum(
        float(weight)
        * math.exp(-x * x / 2)
        / math.sqrt(2 * math.pi)
        * integrate_normal((last - correlation * x) / rest)
        for weight, x in zip(WEIGHTS, half * POINTS + (top - FARTHEST) / 2, strict=True)
    )
