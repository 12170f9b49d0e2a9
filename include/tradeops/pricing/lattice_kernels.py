"""The binomial lattice of Leisen and Reimer (1996): "Binomial models for option valuation".

Peizer and Pratt's inversion sets up the two probabilities so that a European value converges with 1/n² and
without saw teeth. The tree starts two steps before now (Pelsser and Vorst 1994), so that three nodes at now
give delta and gamma; theta is what the Black–Scholes equation says of them.
"""

import math

import numpy as np
from numba import njit

from tradeops.domain.market import FloatArray
from tradeops.pricing.elementary_kernels import exponential, logarithm
from tradeops.pricing.kernel_sources import KERNEL_SOURCES
from tradeops.pricing.kernels import MOST_VOLATILITY, check_contract
from tradeops.pricing.refusals import Refusal, RefusalArray

Contract = tuple[float, float, float, float, float, float, float]
Node = tuple[float, float, float, float]

LATTICE_ROWS = 7

_VOLATILITY, _KINK = float(Refusal.VOLATILITY), float(Refusal.KINK)
_TOO_FEW, _DIVIDENDS = float(Refusal.TOO_FEW_STEPS), float(Refusal.DIVIDENDS)
_RATE_BUMP = 1e-3
VOLATILITY_BUMP = 0.01  # of the volatility


@njit(error_model="numpy")
def _invert(z: float, steps: int) -> float:
    """Peizer and Pratt's second inversion: the probability whose binomial tail is N(z)."""
    scaled = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    half = 0.5 * math.sqrt(1.0 - exponential(-scaled * scaled * (steps + 1.0 / 6.0)))
    return 0.5 + half if z > 0.0 else 0.5 - half


@njit(error_model="numpy")
def _still_to_pay(now: float, years: float, rate: float, paid: FloatArray) -> float:
    total = 0.0
    for item in range(paid.shape[1]):
        at = paid[0, item]
        if now < at <= years:
            total += paid[1, item] * exponential(-rate * (at - now))
    return total


@njit(error_model="numpy")
def _roll_back(contract: Contract, american: bool, steps: int, paid: FloatArray) -> Node:
    """Value, delta, gamma and theta; NaN where the lattice does not reach or dividends exceed the spot."""
    kind, spot, strike, years, rate, dividend_yield, volatility = contract
    escrowed = _still_to_pay(0.0, years, rate, paid)
    rest = spot - escrowed
    spread, pace = volatility * math.sqrt(years), years / steps
    if not (rest > 0.0 and spread > 0.0):
        return np.nan, 0.0, 0.0, 0.0
    centre = (logarithm(rest / strike) + (rate - dividend_yield) * years) / spread
    p, share = _invert(centre - 0.5 * spread, steps), _invert(centre + 0.5 * spread, steps)
    if not (0.0 < p < 1.0 and 0.0 < share < 1.0):
        return np.nan, 0.0, 0.0, 0.0
    growth, discount = exponential((rate - dividend_yield) * pace), exponential(-rate * pace)
    up, down = growth * share / p, growth * (1.0 - share) / (1.0 - p)
    ratio, rise, fall = up / down, discount * p, discount * (1.0 - p)

    level = steps + 2
    spots, values = np.empty(level + 1), np.empty(level + 1)
    node = rest / (up * down)
    for _ in range(level):
        node *= down
    for at in range(level + 1):
        spots[at] = node
        values[at] = max(0.0, kind * (node - strike))
        node *= ratio
    back = 1.0 / down
    for level in range(steps + 1, 1, -1):
        due = _still_to_pay((level - 2) * pace, years, rate, paid) - strike
        for at in range(level + 1):
            spots[at] *= back
            held = rise * values[at + 1] + fall * values[at]
            exercised = kind * (spots[at] + due)
            values[at] = exercised if american and exercised > held else held
    below, above = spots[1] - spots[0], spots[2] - spots[1]
    left, right = (values[1] - values[0]) / below, (values[2] - values[1]) / above
    delta = (left * above + right * below) / (above + below)
    gamma = 2.0 * (right - left) / (above + below)
    theta = rate * values[1] - (rate - dividend_yield) * rest * delta - 0.5 * (volatility * rest) ** 2 * gamma
    if american and values[1] <= kind * (spots[1] + due):  # the same operations as above, so the same bits
        return max(0.0, kind * (spot - strike)), delta, gamma, 0.0
    return values[1], delta, gamma, theta - rate * escrowed * delta


@njit(error_model="numpy")
def _bump(contract: Contract, american: bool, steps: int, paid: FloatArray, change: Contract) -> float:
    kind, spot, strike, years, rate, dividend_yield, volatility = contract
    _, _, _, _, of_rate, of_yield, of_volatility = change
    above = (kind, spot, strike, years, rate + of_rate, dividend_yield + of_yield, volatility + of_volatility)
    below = (kind, spot, strike, years, rate - of_rate, dividend_yield - of_yield, volatility - of_volatility)
    difference = _roll_back(above, american, steps, paid)[0] - _roll_back(below, american, steps, paid)[0]
    return 0.5 * difference / (of_rate + of_yield + of_volatility)


@njit(error_model="numpy")
def value_lattice_row(contract: Contract, american: bool, steps: int, paid: FloatArray, out: FloatArray) -> float:
    """Write the LATTICE_ROWS numbers of one contract, 0 where refused; return its refusal."""
    out[:] = 0.0
    kind, spot, strike, years, rate, dividend_yield, volatility = contract
    refusal = check_contract(kind, spot, strike, years, rate, dividend_yield)
    if refusal > 0.0:
        return refusal
    if not 0.0 <= volatility <= MOST_VOLATILITY:
        return _VOLATILITY
    if _still_to_pay(0.0, years, rate, paid) >= spot:
        return _DIVIDENDS
    if years == 0.0:
        out[0], out[1] = max(0.0, kind * (spot - strike)), kind if kind * (spot - strike) > 0.0 else 0.0
        return _KINK if spot == strike else 0.0
    out[0], out[1], out[2], out[3] = _roll_back(contract, american, steps, paid)
    step = VOLATILITY_BUMP * volatility
    out[4] = _bump(contract, american, steps, paid, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, step))
    out[5] = _bump(contract, american, steps, paid, (0.0, 0.0, 0.0, 0.0, _RATE_BUMP, 0.0, 0.0))
    out[6] = _bump(contract, american, steps, paid, (0.0, 0.0, 0.0, 0.0, 0.0, _RATE_BUMP, 0.0))
    if not np.isfinite(out.sum()):
        out[:] = 0.0
        return _TOO_FEW
    return 0.0


def _make(sources: str):  # type: ignore[no-untyped-def]
    @njit(cache=True, error_model="numpy")
    def still_to_pay_rows(years: FloatArray, rate: FloatArray, paid: FloatArray, out: FloatArray) -> None:
        """Present values (N,) of the dividends (2, D) up to and on expiry."""
        sources  # noqa: B018 - a part of the cache's key
        for row in range(len(years)):
            out[row] = _still_to_pay(0.0, years[row], rate[row], paid)

    @njit(cache=True, error_model="numpy")
    def value_lattice_rows(
        columns: FloatArray, american: bool, steps: int, paid: FloatArray, out: FloatArray, refusals: RefusalArray
    ) -> None:
        """Numbers (N, LATTICE_ROWS) and refusals (N,) of rows (N, 7); dividends (2, D): years and amounts."""
        sources  # noqa: B018 - a part of the cache's key
        for row in range(len(columns)):
            one = columns[row]
            contract = (one[0], one[1], one[2], one[3], one[4], one[5], one[6])
            refusals[row] = np.int8(value_lattice_row(contract, american, steps, paid, out[row]))

    return still_to_pay_rows, value_lattice_rows


still_to_pay_rows, value_lattice_rows = _make(KERNEL_SOURCES)
