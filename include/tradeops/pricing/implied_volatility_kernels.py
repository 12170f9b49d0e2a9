"""The volatility at which a European option is worth its quote.

Everything is done on the out-of-the-money side, in units of √(F·K)·e^(−rT): with x = −|ln(F/K)| and s = σ√T

    b(x, s) = e^(x/2)·N(x/s + s/2) − e^(−x/2)·N(x/s − s/2),   b′ = n(x/s + s/2)·e^(x/2),

b rises in s, convexly up to s = √(2|x|) and concavely beyond (Jäckel, "Let's be rational", 2015, §2–3).
Below that point 1/ln b is nearly −2s²/x² and is what is solved for, above it ln(e^(x/2) − b), whose argument
is a sum and loses no digits; both by Halley's iteration inside a bracket that each step narrows.
"""

import math

import numpy as np
from numba import njit

from tradeops.domain.market import FloatArray
from tradeops.pricing.elementary_kernels import ROOT_HALF_PI_INVERSE, exponential, logarithm, mills_ratio
from tradeops.pricing.kernel_sources import KERNEL_SOURCES
from tradeops.pricing.kernels import MOST_VOLATILITY, check_contract
from tradeops.pricing.refusals import Refusal, RefusalArray

_PRICE, _NOT_FINITE, _NO_TIME = float(Refusal.PRICE), float(Refusal.NOT_FINITE), float(Refusal.NO_TIME)
_BELOW, _ABOVE = float(Refusal.BELOW_INTRINSIC), float(Refusal.ABOVE_BOUND)
_LOST, _NOT_CONVERGED = float(Refusal.TIME_VALUE_LOST), float(Refusal.NOT_CONVERGED)

_RESOLUTION = 4e-15  # of forward value and discounted strike together: rounding of a quote and of its intrinsic value
_LEAST_QUOTE = 1e-280  # of √(F·K)·e^(−rT)
_STEPS = 64
_CLOSE = 1e-15  # relative step at which the iteration has settled
_WIDEST = 40.0  # s at which b is e^(x/2) to the last bit, counted from the point of inflection
_ROOT_TWO_PI = 2.5066282746310002
_NEAR = 0.02


@njit(error_model="numpy")
def _drop(z: float, half: float) -> float:
    """Mills' ratio at z − half less that at z + half, 0 ≤ half ≤ z.

    Near each other the two cancel: then by Taylor's series, R′ = zR − 1 and R⁽ⁿ⁺¹⁾ = nR⁽ⁿ⁻¹⁾ + zR⁽ⁿ⁾.
    """
    if half > _NEAR or z > 60.0:
        return mills_ratio(min(z - half, 60.0)) - mills_ratio(min(z + half, 60.0))
    zeroth = mills_ratio(z)
    first = z * zeroth - 1.0
    second = zeroth + z * first
    third = 2.0 * first + z * second
    fourth = 3.0 * second + z * third
    fifth = 4.0 * third + z * fourth
    seventh = 6.0 * fifth + z * (5.0 * fourth + z * fifth)
    square = half * half
    return -2.0 * half * (first + square / 6.0 * (third + square / 20.0 * (fifth + square / 42.0 * seventh)))


@njit(error_model="numpy")
def _weigh(x: float, s: float) -> tuple[float, float, float]:
    """b, e^(x/2) − b and b′, each without cancellation where it is small."""
    upper, lower = x / s + 0.5 * s, x / s - 0.5 * s  # lower ≤ 0
    top = exponential(0.5 * x)
    slope = ROOT_HALF_PI_INVERSE * exponential(-0.5 * (upper * upper - x))
    if upper <= 0.0:
        worth = slope * _drop(-x / s, 0.5 * s)
        return worth, top - worth, slope
    missing = slope * (mills_ratio(min(upper, 60.0)) + mills_ratio(min(-lower, 60.0)))
    return top - missing, missing, slope


@njit(error_model="numpy")
def _improve_low(x: float, s: float, goal: float) -> float:
    """Step from s towards 1/ln b = 1/goal."""
    worth, _, slope = _weigh(x, s)
    if worth <= 0.0:
        return np.inf
    level, rate = logarithm(worth), slope / worth
    newton = (level - goal) * level / (goal * rate)
    bend = x * x / (s * s * s) - 0.25 * s - rate - 2.0 * rate / level
    return -newton / max(0.5, 1.0 - 0.5 * newton * bend)


@njit(error_model="numpy")
def _improve_high(x: float, s: float, goal: float) -> float:
    """Step from s towards ln(e^(x/2) − b) = goal."""
    _, missing, slope = _weigh(x, s)
    if missing <= 0.0:
        return np.inf
    rate = -slope / missing
    newton = (logarithm(missing) - goal) / rate
    bend = x * x / (s * s * s) - 0.25 * s - rate
    return -newton / max(0.5, 1.0 - 0.5 * newton * bend)


@njit(error_model="numpy")
def _solve(x: float, quote: float) -> float:
    """The s with b(x, s) = quote for 0 < quote < e^(x/2); NaN if the iteration does not settle."""
    turn = math.sqrt(-2.0 * x)
    at_turn = _weigh(x, turn)[0] if turn > 0.0 else 0.0
    low_side = quote < at_turn
    if low_side:
        goal = logarithm(quote)
        low, high = 0.0, turn
        s = turn * math.sqrt(logarithm(at_turn) / goal)
    else:
        goal = logarithm(exponential(0.5 * x) - quote)
        low, high = turn, turn + _WIDEST
        s = max(turn, quote * _ROOT_TWO_PI)  # b ≤ s/√(2π) for any x
    for _ in range(_STEPS):
        step = _improve_low(x, s, goal) if low_side else _improve_high(x, s, goal)
        if step > 0.0:
            low = s
        else:
            high = s
        if abs(step) <= _CLOSE * s:
            return s + step
        s = s + step if low < s + step < high else 0.5 * (low + high)
        if high - low <= _CLOSE * high:
            return s
    return np.nan


@njit(error_model="numpy")
def solve_row(  # noqa: PLR0911 - a reason each
    kind: float, price: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float
) -> tuple[float, float]:
    """Volatility, NaN where refused, and refusal."""
    outside = check_contract(kind, spot, strike, years, rate, dividend_yield)
    if outside > 0.0:
        return np.nan, outside
    if not 0.0 <= price < np.inf:
        return np.nan, _PRICE
    if years == 0.0:
        return np.nan, _NO_TIME
    now, later = spot * exponential(-dividend_yield * years), strike * exponential(-rate * years)
    unit = math.sqrt(now) * math.sqrt(later)
    if not (1e-250 < now < 1e250 and 1e-250 < later < 1e250 and 1e-150 < unit < 1e150):
        return np.nan, _NOT_FINITE
    intrinsic = max(0.0, kind * (now - later))
    extra = price - intrinsic
    noise = _RESOLUTION * (now + later)
    if extra < -noise:
        return np.nan, _BELOW
    if extra <= max(noise if intrinsic > 0.0 else 0.0, _LEAST_QUOTE * unit):
        return np.nan, _LOST
    x = -abs(logarithm(spot / strike) + (rate - dividend_yield) * years)
    quote, top = extra / unit, exponential(0.5 * x)
    if top - quote <= _RESOLUTION * top:
        return np.nan, _ABOVE
    s = _solve(x, quote)
    volatility = s / math.sqrt(years)
    if not 0.0 < volatility <= MOST_VOLATILITY:
        return np.nan, _NOT_CONVERGED
    return volatility, 0.0


def _make(sources: str):  # type: ignore[no-untyped-def]
    @njit(cache=True, error_model="numpy")
    def solve_rows(
        kind: FloatArray,
        price: FloatArray,
        spot: FloatArray,
        strike: FloatArray,
        years: FloatArray,
        rate: FloatArray,
        dividend_yield: FloatArray,
        out: FloatArray,
        refusals: RefusalArray,
    ) -> None:
        """Volatilities (N,) and refusals (N,) of rows."""
        sources  # noqa: B018 - a part of the cache's key
        for row in range(len(kind)):
            out[row], refusal = solve_row(
                kind[row], price[row], spot[row], strike[row], years[row], rate[row], dividend_yield[row]
            )
            refusals[row] = np.int8(refusal)

    return solve_rows


solve_rows = _make(KERNEL_SOURCES)
