"""The one kernel of European values and Greeks, for a block of rows and for a single one."""

import math

import numpy as np
from numba import njit

from tradeops.domain.market import FloatArray
from tradeops.pricing.elementary_kernels import MOST_EXPONENT, ROOT_HALF_PI_INVERSE, exponential, logarithm, mills_parts
from tradeops.pricing.kernel_sources import KERNEL_SOURCES
from tradeops.pricing.refusals import Refusal, RefusalArray

Row = tuple[float, float, float, float, float, float, float, float, float, float, float]

GREEK_ROWS = 10
BLOCK = 128  # rows whose inputs and results fit into the first cache
NO_VOLATILITY = 1e-150  # σ√T below it counts as zero
LEAST_PRICE, MOST_PRICE, MOST_YEARS, MOST_RATE, MOST_VOLATILITY = 1e-100, 1e100, 1e3, 10.0, 1e3

_KIND, _SPOT, _STRIKE = float(Refusal.KIND), float(Refusal.SPOT), float(Refusal.STRIKE)
_YEARS, _RATE, _YIELD = float(Refusal.YEARS), float(Refusal.RATE), float(Refusal.DIVIDEND_YIELD)
_VOLATILITY, _KINK, _NOT_FINITE = float(Refusal.VOLATILITY), float(Refusal.KINK), float(Refusal.NOT_FINITE)


@njit(error_model="numpy", forceinline=True)
def check_contract(kind: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float) -> float:
    """The first of these that is outside its range, 0 if none is; NaN is in no range."""
    grows = (rate * years < -MOST_EXPONENT) | (dividend_yield * years < -MOST_EXPONENT)
    refusal = _NOT_FINITE if grows else 0.0
    refusal = _YIELD if not (-MOST_RATE <= dividend_yield <= MOST_RATE) else refusal
    refusal = _RATE if not (-MOST_RATE <= rate <= MOST_RATE) else refusal
    refusal = _YEARS if not (0.0 <= years <= MOST_YEARS) else refusal
    refusal = _STRIKE if not (LEAST_PRICE <= strike <= MOST_PRICE) else refusal
    refusal = _SPOT if not (LEAST_PRICE <= spot <= MOST_PRICE) else refusal
    return _KIND if not ((kind == 1.0) | (kind == -1.0)) else refusal


@njit(error_model="numpy", forceinline=True)
def _clip(d: float) -> float:
    d = 60.0 if d > 60.0 else d
    return -60.0 if d < -60.0 else d


@njit(error_model="numpy", forceinline=True)
def value_row(
    kind: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float, volatility: float
) -> Row:
    """Refusal and the numbers of `Greeks`, by comparisons that choose between numbers instead of branches.

    The density is taken where it is larger, since S·e^(−qT)·n(d₁) = K·e^(−rT)·n(d₂), and both normal
    probabilities are that density times Mills' ratio: one exponential for three, and no digits lost far out.
    """
    refusal = _VOLATILITY if not (0.0 <= volatility <= MOST_VOLATILITY) else 0.0
    outside = check_contract(kind, spot, strike, years, rate, dividend_yield)
    refusal = outside if outside > 0.0 else refusal
    bad = refusal > 0.0
    spot, strike, years = 1.0 if bad else spot, 1.0 if bad else strike, 1.0 if bad else years
    rate, dividend_yield = 0.0 if bad else rate, 0.0 if bad else dividend_yield
    volatility = 1.0 if bad else volatility

    root = math.sqrt(years)
    total = volatility * root
    flat = total < NO_VOLATILITY
    inverse = 1.0 / (NO_VOLATILITY if flat else total)
    now, later = spot * exponential(-dividend_yield * years), strike * exponential(-rate * years)
    drift = rate - dividend_yield
    moneyness = logarithm(spot / strike) + drift * years
    centre, half = moneyness * inverse, 0.0 if flat else 0.5 * total
    upper, lower = _clip(centre + half), _clip(centre - half)
    nearer = abs(upper) < abs(lower)
    least = upper if nearer else lower
    bell = exponential(-0.5 * least * least)
    bell = 0.0 if flat | (bell < 1e-307) else bell
    density = ROOT_HALF_PI_INVERSE * bell * (now if nearer else later)
    over, under = mills_parts(abs(upper))
    over_too, under_too = mills_parts(abs(lower))
    shared = 1.0 / (under * under_too)
    spot_tail, strike_tail = density * (over * under_too * shared), density * (over_too * under * shared)
    in_spot = kind * (now - spot_tail if kind * upper > 0.0 else spot_tail)
    in_strike = kind * (later - strike_tail if kind * lower > 0.0 else strike_tail)
    value, parity = in_spot - in_strike, kind * (now - later)
    bound = parity if parity > 0.0 else 0.0
    value = value if value > bound else bound

    inverse, per_share = 0.0 if flat else inverse, 1.0 / spot
    per_root = inverse * volatility  # 1/√T
    delta, per_spot = in_spot * per_share, density * per_share
    gamma, vega = per_spot * inverse * per_share, density * root
    vanna, volga = -per_spot * lower * inverse * root, vega * upper * lower * inverse * root
    decay = 0.5 * density * volatility * per_root
    theta = dividend_yield * in_spot - rate * in_strike - decay
    charm = dividend_yield * delta - per_spot * (drift * inverse - 0.5 * lower * per_root * per_root)
    rho, dividend_rho = years * in_strike, -years * in_spot
    hole = (value + delta) + (gamma + vega) + (theta + rho) + (dividend_rho + vanna) + (volga + charm)
    hole = (hole + (now + later)) * 0.0  # a side that overflows may leave no trace in the other's numbers
    refusal = _KINK if flat & (moneyness == 0.0) & (refusal == 0.0) else refusal
    refusal = _NOT_FINITE if hole != 0.0 else refusal
    return refusal, value, delta, gamma, vega, theta, rho, dividend_rho, vanna, volga, charm


@njit(error_model="numpy")
def _value_block(block: FloatArray) -> None:
    # Row c of the block starts at c·BLOCK. One array with fixed distances, since the compiler must see that
    # what is written is not what is read next, and a fixed length, to work on several rows at once.
    for at in range(BLOCK):
        (
            block[7 * BLOCK + at],
            block[8 * BLOCK + at],
            block[9 * BLOCK + at],
            block[10 * BLOCK + at],
            block[11 * BLOCK + at],
            block[12 * BLOCK + at],
            block[13 * BLOCK + at],
            block[14 * BLOCK + at],
            block[15 * BLOCK + at],
            block[16 * BLOCK + at],
            block[17 * BLOCK + at],
        ) = value_row(
            block[at],
            block[BLOCK + at],
            block[2 * BLOCK + at],
            block[3 * BLOCK + at],
            block[4 * BLOCK + at],
            block[5 * BLOCK + at],
            block[6 * BLOCK + at],
        )


@njit(error_model="numpy")
def _load(column: FloatArray, first: int, count: int, place: FloatArray) -> None:
    for at in range(count):
        place[at] = column[first + at]


@njit(error_model="numpy")
def _store(block: FloatArray, first: int, count: int, out: FloatArray, refusals: RefusalArray) -> None:
    refused = 0
    for at in range(count):
        verdict = int(block[7 * BLOCK + at])
        refusals[first + at] = verdict
        refused += verdict
    for row in range(GREEK_ROWS):
        found, place = block[(8 + row) * BLOCK :], out[row, first:]
        for at in range(count):
            place[at] = found[at]
    for at in range(count if refused else 0):
        if block[7 * BLOCK + at] not in (0.0, _KINK):
            for row in range(GREEK_ROWS):
                out[row, first + at] = 0.0


def _make(sources: str):  # type: ignore[no-untyped-def]
    @njit(cache=True, error_model="numpy")
    def value_one(
        kind: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float, volatility: float
    ) -> Row:
        """Refusal and numbers of one row."""
        sources  # noqa: B018 - a part of the cache's key
        return value_row(kind, spot, strike, years, rate, dividend_yield, volatility)

    @njit(cache=True, error_model="numpy")
    def value_rows(
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
        """Numbers (GREEK_ROWS, N), 0 in refused rows, and refusals (N,) of rows."""
        sources  # noqa: B018 - a part of the cache's key
        block = np.ones(18 * BLOCK)
        for first in range(0, len(kind), BLOCK):
            count = min(BLOCK, len(kind) - first)
            _load(kind, first, count, block)
            _load(spot, first, count, block[BLOCK:])
            _load(strike, first, count, block[2 * BLOCK :])
            _load(years, first, count, block[3 * BLOCK :])
            _load(rate, first, count, block[4 * BLOCK :])
            _load(dividend_yield, first, count, block[5 * BLOCK :])
            _load(volatility, first, count, block[6 * BLOCK :])
            _value_block(block)
            _store(block, first, count, out, refusals)

    return value_one, value_rows


value_one, value_rows = _make(KERNEL_SOURCES)
