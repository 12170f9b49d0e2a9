"""American options after Bjerksund and Stensland (2002): an exercise boundary of two flat pieces.

The value of exercising at a boundary I₂ until t₁ = (√5 − 1)/2·T and at I₁ from then on, in closed form; the
boundaries are the authors' approximations ("Closed Form Valuation of American Options", NHH 2002; the formulas
as in Haug, "The Complete Guide to Option Pricing Formulas", 2nd ed., §3.1.3). Any boundary gives what an owner
can have, so that the value is a lower bound up to rounding. All is in units of the strike, with cost of carry
b = rate − dividend_yield; a put is the call with spot and strike, rate and dividend yield exchanged.
"""

import math

import numpy as np
from numba import njit

from tradeops.domain.market import FloatArray
from tradeops.pricing.elementary_kernels import exponential, logarithm, normal_below
from tradeops.pricing.kernel_sources import KERNEL_SOURCES
from tradeops.pricing.kernels import MOST_VOLATILITY, NO_VOLATILITY, check_contract, value_row
from tradeops.pricing.refusals import Refusal, RefusalArray

_VOLATILITY, _NOT_FINITE = float(Refusal.VOLATILITY), float(Refusal.NOT_FINITE)
_NO_BOUNDARY, _NO_CLOSED_FORM = float(Refusal.NO_BOUNDARY), float(Refusal.NO_CLOSED_FORM)
_GOLDEN = 0.6180339887498949  # t₁/T, whose root is the only correlation needed
_LARGEST_POWER = 600.0  # |logarithm| of a factor beyond which its product with a tiny probability is not formed

# Gauss and Legendre's 20 points of [0, asin √_GOLDEN]: sines, and weights over 2π (a test derives them anew).
SINES = (
    0.0031077814876462706,
    0.01629399970409196,
    0.03968405321502542,
    0.07269973397325001,
    0.11447708818931852,
    0.16386275803491718,
    0.21942426297223605,
    0.2794864832820228,
    0.34219864653391824,
    0.4056292468234631,
    0.4678793345622409,
    0.5271991628012387,
    0.5820908058233092,
    0.6313808519591779,
    0.6742523300826023,
    0.7102323996436618,
    0.739140215074885,
    0.7610060150932522,
    0.7759767657954504,
    0.7842268667140874,
)
WEIGHTS = (
    0.0012678976359175931,
    0.002922586351424953,
    0.004511281350869273,
    0.005994455602174473,
    0.007337169613030288,
    0.008507920228969543,
    0.009479257732091899,
    0.010228411948205325,
    0.010737822200093622,
    0.010995547855261578,
    0.010995547855261578,
    0.010737822200093622,
    0.010228411948205325,
    0.009479257732091899,
    0.008507920228969543,
    0.007337169613030288,
    0.005994455602174473,
    0.004511281350869273,
    0.002922586351424953,
    0.0012678976359175931,
)
_SINES, _WEIGHTS = np.array(SINES), np.array(WEIGHTS)


@njit(error_model="numpy")
def both_below(a: float, b: float, sign: float) -> float:
    """P(X < a, Y < b) of standard normals with correlation sign·√((√5 − 1)/2).

    Plackett's integral over the correlation's angle as in Genz, "Numerical computation of rectangular bivariate
    and trivariate normal and t probabilities" (2004), error below 1e-15.
    """
    squares, product = a * a + b * b, 2.0 * sign * a * b
    total = 0.0
    for point in range(len(_SINES)):
        sine = _SINES[point]
        total += _WEIGHTS[point] * exponential(-0.5 * (squares - product * sine) / (1.0 - sine * sine))
    return normal_below(a) * normal_below(b) + sign * total


@njit(error_model="numpy")
def _pay_once(
    log_spot: float, years: float, power: tuple[float, float], at: tuple[float, float], terms: tuple[float, float]
) -> float:
    """φ: a claim to spot^γ/unit at `years` if spot is below `barrier` then and never reached `knock` before."""
    gamma, log_unit = power
    barrier, knock = at
    carry, variance = terms[1], terms[0] * terms[0]
    spread = terms[0] * math.sqrt(years)
    drift = (carry + (gamma - 0.5) * variance) * years
    kappa = 2.0 * carry / variance + 2.0 * gamma - 1.0
    reflected = kappa * (knock - log_spot)
    d = -(log_spot - barrier + drift) / spread
    image = normal_below(d - 2.0 * (knock - log_spot) / spread)
    growth = (gamma * carry + 0.5 * gamma * (gamma - 1.0) * variance) * years
    if abs(reflected) > _LARGEST_POWER:
        return np.nan
    return exponential(growth + gamma * log_spot - log_unit) * (normal_below(d) - exponential(reflected) * image)


@njit(error_model="numpy")
def _pay_twice(
    log_spot: float,
    years: float,
    power: tuple[float, float],
    at: tuple[float, float, float],
    terms: tuple[float, float],
) -> float:
    """Ψ: as φ, but knocked out at the outer boundary until t₁ and at the inner one from then to `years`."""
    gamma, log_unit = power
    barrier, outer, inner = at
    carry, variance = terms[1], terms[0] * terms[0]
    early = _GOLDEN * years
    spread_early, spread = terms[0] * math.sqrt(early), terms[0] * math.sqrt(years)
    slope = carry + (gamma - 0.5) * variance
    kappa = 2.0 * carry / variance + 2.0 * gamma - 1.0
    mirrored = 2.0 * outer - log_spot
    e1 = (log_spot - inner + slope * early) / spread_early
    e2 = (mirrored - inner + slope * early) / spread_early
    e3 = (log_spot - inner - slope * early) / spread_early
    e4 = (mirrored - inner - slope * early) / spread_early
    f1 = (log_spot - barrier + slope * years) / spread
    f2 = (mirrored - barrier + slope * years) / spread
    f3 = (2.0 * inner - log_spot - barrier + slope * years) / spread
    f4 = (log_spot + 2.0 * inner - barrier - 2.0 * outer + slope * years) / spread
    to_outer, to_inner, between = kappa * (outer - log_spot), kappa * (inner - log_spot), kappa * (inner - outer)
    if max(abs(to_outer), abs(to_inner), abs(between)) > _LARGEST_POWER:
        return np.nan
    growth = (gamma * carry + 0.5 * gamma * (gamma - 1.0) * variance) * years
    inside = both_below(-e1, -f1, 1.0) - exponential(to_outer) * both_below(-e2, -f2, 1.0)
    inside -= exponential(to_inner) * both_below(-e3, -f3, -1.0)
    inside += exponential(between) * both_below(-e4, -f4, -1.0)
    return exponential(growth + gamma * log_spot - log_unit) * inside


@njit(error_model="numpy")
def _find_boundaries(years: float, rate: float, terms: tuple[float, float]) -> tuple[float, float, float]:
    """β, and the boundaries I₁ and I₂ in strikes."""
    variance, carry = terms[0] * terms[0], terms[1]
    tilt = carry / variance - 0.5
    beta = -tilt + math.sqrt(tilt * tilt + 2.0 * rate / variance)
    never, last = beta / (beta - 1.0), max(1.0, rate / (rate - carry))
    early = _GOLDEN * years
    scale = 1.0 / ((never - last) * last)
    first = -(carry * early + 2.0 * terms[0] * math.sqrt(early)) * scale
    second = -(carry * years + 2.0 * terms[0] * math.sqrt(years)) * scale
    span = never - last
    return beta, last + span * (1.0 - exponential(first)), last + span * (1.0 - exponential(second))


@njit(error_model="numpy")
def _value_call(spot: float, years: float, rate: float, terms: tuple[float, float]) -> float:
    """In strikes; NaN where the formula's factors overflow. φ and Ψ are discounted here."""
    beta, inner, outer = _find_boundaries(years, rate, terms)
    if not (inner > 1.0 and outer > 1.0):
        return np.nan
    if spot >= outer:
        return spot - 1.0
    early, log_spot = _GOLDEN * years, logarithm(spot)
    log_inner, log_outer = logarithm(inner), logarithm(outer)
    in_outer, in_inner = (beta, beta * log_outer), (beta, beta * log_inner)
    share, cash = (1.0, 0.0), (0.0, 0.0)
    at_outer, at_inner = (log_outer, log_outer), (log_inner, log_outer)
    now = (outer - 1.0) * (
        exponential(beta * (log_spot - log_outer))
        - exponential(-rate * early) * _pay_once(log_spot, early, in_outer, at_outer, terms)
    )
    soon = _pay_once(log_spot, early, share, at_outer, terms) - _pay_once(log_spot, early, share, at_inner, terms)
    soon -= _pay_once(log_spot, early, cash, at_outer, terms) - _pay_once(log_spot, early, cash, at_inner, terms)
    soon += (inner - 1.0) * _pay_once(log_spot, early, in_inner, at_inner, terms)
    to_inner, to_strike = (log_inner, log_outer, log_inner), (0.0, log_outer, log_inner)
    late = _pay_twice(log_spot, years, share, to_inner, terms) - _pay_twice(log_spot, years, share, to_strike, terms)
    late -= _pay_twice(log_spot, years, cash, to_inner, terms) - _pay_twice(log_spot, years, cash, to_strike, terms)
    late -= (inner - 1.0) * _pay_twice(log_spot, years, in_inner, to_inner, terms)
    return now + exponential(-rate * early) * soon + exponential(-rate * years) * late


@njit(error_model="numpy")
def value_american_row(  # noqa: PLR0911 - a reason each
    kind: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float, volatility: float
) -> tuple[float, float]:
    """Value, 0 where refused, and refusal."""
    refusal = check_contract(kind, spot, strike, years, rate, dividend_yield)
    if refusal > 0.0:
        return 0.0, refusal
    if not 0.0 <= volatility <= MOST_VOLATILITY:
        return 0.0, _VOLATILITY
    closed = value_row(kind, spot, strike, years, rate, dividend_yield, volatility)
    if closed[0] == _NOT_FINITE:
        return 0.0, _NOT_FINITE
    intrinsic = max(0.0, kind * (spot - strike))
    at_least = max(closed[1], intrinsic)
    if years == 0.0:
        return intrinsic, 0.0
    if kind < 0.0:
        spot, strike, rate, dividend_yield = strike, spot, dividend_yield, rate
    if dividend_yield <= 0.0:
        return (at_least, 0.0) if rate >= 0.0 else (0.0, _NO_BOUNDARY)
    if volatility * math.sqrt(years) < NO_VOLATILITY:
        return 0.0, _NO_CLOSED_FORM
    found = strike * _value_call(spot / strike, years, rate, (volatility, rate - dividend_yield))
    if not found <= spot * 1.000001:
        return 0.0, _NO_CLOSED_FORM
    return max(found, at_least), 0.0


def _make(sources: str):  # type: ignore[no-untyped-def]
    @njit(cache=True, error_model="numpy")
    def value_american_rows(
        kind: FloatArray,
        spot: FloatArray,
        strike: FloatArray,
        years: FloatArray,
        rate: FloatArray,
        dividend_yield: FloatArray,
        volatility: FloatArray,
        out: FloatArray,
        refusals: RefusalArray,
    ) -> None:
        """Values (N,) and refusals (N,) of rows."""
        sources  # noqa: B018 - a part of the cache's key
        for row in range(len(kind)):
            out[row], refusal = value_american_row(
                kind[row], spot[row], strike[row], years[row], rate[row], dividend_yield[row], volatility[row]
            )
            refusals[row] = np.int8(refusal)

    return value_american_rows


value_american_rows = _make(KERNEL_SOURCES)
