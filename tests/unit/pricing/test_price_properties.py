"""What every European value and its Greeks must obey, and mutants that do not."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeops.domain.market import FloatArray
from tradeops.pricing.black_scholes import price_european, price_with_greeks

Price = Callable[..., FloatArray]
Point = tuple[float, float, float, float, float, float]

POINTS = st.tuples(
    st.floats(0.01, 1e4),
    st.floats(-3.0, 3.0),
    st.floats(0.0, 30.0),
    st.floats(-0.05, 0.2),
    st.floats(-0.05, 0.2),
    st.floats(0.0, 3.0),
).map(lambda p: (p[0], p[0] * float(np.exp(p[1])), *p[2:]))
SLACK = 1e-12  # of the larger of forward value and discounted strike


def scale_of(point: Point) -> float:
    spot, strike, years, rate, carry, _ = point
    return max(spot * np.exp(-carry * years), strike * np.exp(-rate * years), spot, strike)


def breaks_parity(price: Price, point: Point) -> bool:
    spot, strike, years, rate, carry, _ = point
    gap = price(1, *point) - price(-1, *point) - (spot * np.exp(-carry * years) - strike * np.exp(-rate * years))
    return bool(abs(gap) > SLACK * scale_of(point))


def breaks_monotonicity(price: Price, point: Point) -> bool:
    """A call falls and a put rises in the strike, by at most the discounted difference; both rise in volatility."""
    spot, strike, years, rate, carry, volatility = point
    strikes, slack = strike * np.linspace(0.9, 1.1, 9), SLACK * scale_of(point)
    calls = np.diff(price(1, spot, strikes, years, rate, carry, volatility))
    puts = np.diff(price(-1, spot, strikes, years, rate, carry, volatility))
    most = np.diff(strikes) * np.exp(-rate * years)
    by_volatility = np.diff(price(1, spot, strike, years, rate, carry, volatility + np.linspace(0.0, 0.5, 9)))
    falls = (calls <= slack).all() and (-calls <= most + slack).all()
    rises = (puts >= -slack).all() and (puts <= most + slack).all()
    return not (falls and rises and (by_volatility >= -slack).all())


def breaks_convexity(price: Price, point: Point) -> bool:
    spot, strike, years, rate, carry, volatility = point
    values = price(np.array([[1], [-1]]), spot, strike * np.linspace(0.8, 1.2, 9), years, rate, carry, volatility)
    return bool((np.diff(values, 2, axis=1) < -4 * SLACK * scale_of(point)).any())


def breaks_homogeneity(price: Price, point: Point) -> bool:
    spot, strike, *rest = point
    kinds, times = np.array([1, -1]), 7.3
    gap = price(kinds, times * spot, times * strike, *rest) - times * price(kinds, spot, strike, *rest)
    return bool((np.abs(gap) > times * SLACK * scale_of(point)).any())


def breaks_bounds(price: Price, point: Point) -> bool:
    spot, strike, years, rate, carry, _ = point
    now, later = spot * np.exp(-carry * years), strike * np.exp(-rate * years)
    call, put = price(1, *point), price(-1, *point)
    slack = SLACK * scale_of(point)
    inside = (
        max(0.0, now - later) - slack <= call <= now + slack and max(0.0, later - now) - slack <= put <= later + slack
    )
    return not (inside and call >= 0.0 and put >= 0.0)


LAWS = [breaks_parity, breaks_monotonicity, breaks_convexity, breaks_homogeneity, breaks_bounds]


@pytest.mark.parametrize("breaks", LAWS)
def test_law_holds_for_any_contract(breaks: Callable[[Price, Point], bool]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(POINTS)
    def check(point: Point) -> None:
        assert not breaks(price_european, point)

    check()


def _dearer_puts(kind: object, *rest: float) -> FloatArray:
    return price_european(kind, *rest) * np.where(np.asarray(kind) < 0, 1.001, 1.0)  # type: ignore[arg-type]


def _stepped(kind: object, spot: float, strike: object, *rest: float) -> FloatArray:
    return price_european(kind, spot, np.floor(np.asarray(strike)), *rest)  # type: ignore[arg-type]


def _with_a_fee(*contract: float) -> FloatArray:
    return price_european(*contract) + 0.01


def _short_of_bound(*contract: float) -> FloatArray:
    return price_european(*contract) - 0.01


def _upside_down(kind: object, *rest: float) -> FloatArray:
    return price_european(-np.asarray(kind), *rest)


POINT: Point = (100.0, 104.5, 0.5, 0.03, 0.01, 0.2)


@pytest.mark.parametrize(
    ("breaks", "mutant"),
    [
        (breaks_parity, _dearer_puts),
        (breaks_monotonicity, _upside_down),
        (breaks_convexity, _stepped),
        (breaks_homogeneity, _with_a_fee),
        (breaks_bounds, _short_of_bound),
    ],
)
def test_mutant_breaks_the_law(breaks: Callable[[Price, Point], bool], mutant: Price) -> None:
    far = (100.0, 1000.0, 0.5, 0.03, 0.01, 0.2)
    assert breaks(mutant, POINT) or breaks(mutant, far)


@settings(max_examples=200, deadline=None)
@given(POINTS.filter(lambda p: p[2] > 1e-6 and p[5] > 1e-6))
def test_greeks_keep_to_their_bounds(point: Point) -> None:
    _, _, years, _, carry, _ = point
    found = price_with_greeks(np.array([1, -1]), *point)
    most = np.exp(-carry * years) * (1 + 1e-14)
    assert 0.0 <= found.delta[0] <= most and -most <= found.delta[1] <= 0.0
    assert (found.gamma >= 0.0).all() and (found.vega >= 0.0).all()
    assert found.gamma[0] == found.gamma[1] and found.vega[0] == found.vega[1]
    assert found.rho[0] >= 0.0 >= found.rho[1] and found.dividend_rho[0] <= 0.0 <= found.dividend_rho[1]
