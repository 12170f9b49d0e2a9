"""The one kernel of European values and Greeks, for a block of rows and for a single one."""

import math

from numba import njit

from tradeops.domain.market import FloatArray
from tradeops.pricing.refusals import RefusalArray

Number = tuple[float, float, float, float, float, float, float, float, float, float]
GREEK_ROWS = 10
NOTHING = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@njit(error_model="numpy")
def check(kind: float, spot: float, strike: float, years: float, rate: float, carry: float, sigma: float) -> int:
    if not (kind == 1.0 or kind == -1.0):
        return 1
    if not 1e-100 <= spot <= 1e100:
        return 2
    if not 1e-100 <= strike <= 1e100:
        return 3
    if not 0.0 <= years <= 1e3:
        return 4
    if not -10.0 <= rate <= 10.0:
        return 5
    if not -10.0 <= carry <= 10.0:
        return 6
    if not 0.0 <= sigma <= 1e3:
        return 7
    return 0


@njit(error_model="numpy")
def value_row(
    kind: float, spot: float, strike: float, years: float, rate: float, carry: float, sigma: float
) -> tuple[int, Number]:
    refusal = check(kind, spot, strike, years, rate, carry, sigma)
    if refusal != 0:
        return refusal, NOTHING
    root = math.sqrt(years)
    total = sigma * root
    now, later = spot * math.exp(-carry * years), strike * math.exp(-rate * years)
    moneyness = math.log(spot / strike) + (rate - carry) * years
    flat = total < 1e-150
    if flat:
        refusal = 20 if moneyness == 0.0 else 0
        upper = 60.0 if moneyness > 0.0 else -60.0
        lower = upper
    else:
        upper = min(max(moneyness / total + 0.5 * total, -60.0), 60.0)
        lower = min(max(moneyness / total - 0.5 * total, -60.0), 60.0)
    inner = 0.0 if flat else 1.0 / total
    density = 0.0 if flat else now * 0.3989422804014327 * math.exp(-0.5 * upper * upper)
    in_spot = 0.5 * math.erfc(-kind * upper * math.sqrt(0.5)) * kind * now
    in_strike = 0.5 * math.erfc(-kind * lower * math.sqrt(0.5)) * kind * later
    value = max(in_spot - in_strike, 0.0, kind * (now - later))
    delta, vega = in_spot / spot, density * root
    gamma = density * inner / (spot * spot)
    vanna = -density * lower * inner * root / spot
    bent = density * upper * lower * inner * years
    decay = 0.5 * density * sigma * (inner * sigma)
    theta = carry * in_spot - rate * in_strike - decay
    charm = carry * delta - density / spot * ((rate - carry) * inner - 0.5 * lower * inner * inner * sigma * sigma)
    found = (value, delta, gamma, vega, theta, years * in_strike, -years * in_spot, vanna, bent, charm)
    total = 0.0
    for item in found:
        total += item * 0.0
    if total != 0.0:
        return 21, NOTHING
    return refusal, found


@njit(cache=True, error_model="numpy")
def value_one(
    kind: float, spot: float, strike: float, years: float, rate: float, carry: float, sigma: float
) -> tuple[int, Number]:
    """One row: its refusal, and its numbers in the order of `Greeks`."""
    return value_row(float(kind), spot, strike, years, rate, carry, sigma)


@njit(cache=True, error_model="numpy")
def value_rows(
    kind: FloatArray,
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    carry: FloatArray,
    sigma: FloatArray,
    out: FloatArray,
    refusals: RefusalArray,
) -> None:
    """Numbers (GREEK_ROWS, N) and refusals (N,) of rows."""
    for row in range(len(kind)):
        refusals[row], found = value_row(
            kind[row], spot[row], strike[row], years[row], rate[row], carry[row], sigma[row]
        )
        for item in range(GREEK_ROWS):
            out[item, row] = found[item]
