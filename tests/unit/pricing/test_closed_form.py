"""The reference that checks the kernel: held to QuantLib, to differences of its own value, and to its limits."""

import math

import numpy as np
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from tradeops.domain.errors import PricingModelError
from tradeops.pricing.closed_form import ReferenceOption, compute_reference, measure_condition, measure_scale

options = st.builds(
    ReferenceOption, st.sampled_from([1, -1]), st.floats(20, 200), st.floats(20, 200), st.floats(0.02, 3),
    st.floats(-0.05, 0.1), st.floats(-0.05, 0.1), st.floats(0.05, 1),
)  # fmt: skip
BUMPS = {"rho": "rate", "dividend_rho": "dividend_yield", "vega": "volatility", "delta": "spot"}
SLOPES = {"theta": ("value", "years", -1), "charm": ("delta", "years", -1), "vanna": ("delta", "volatility", 1),
          "volga": ("vega", "volatility", 1), "gamma": ("delta", "spot", 1)}  # fmt: skip
SLOPES |= {name: ("value", field, 1) for name, field in BUMPS.items()}


@given(options)
def test_value_is_quantlibs(option: ReferenceOption) -> None:
    kind, spot, strike, years, rate, carry, volatility = option
    payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Call if kind > 0 else QuantLib.Option.Put, strike)
    forward, discount = spot * math.exp((rate - carry) * years), math.exp(-rate * years)
    peer = QuantLib.BlackCalculator(payoff, forward, volatility * math.sqrt(years), discount)
    found = compute_reference(option)
    assert found["value"] == pytest.approx(peer.value(), rel=0, abs=1e-10 * max(1, spot))
    assert found["gamma"] == pytest.approx(peer.gamma(spot), rel=1e-8, abs=1e-12)


@given(options, st.sampled_from(sorted(SLOPES)))
def test_each_greek_is_a_slope(option: ReferenceOption, greek: str) -> None:
    source, field, sign = SLOPES[greek]
    step = 1e-5 * getattr(option, field) if field in ("spot", "years", "volatility") else 1e-6
    up, down = (
        compute_reference(option._replace(**{field: getattr(option, field) + by}))[source] for by in (step, -step)
    )
    found = compute_reference(option)[greek]
    size = measure_scale(option)
    assert found == pytest.approx(
        sign * (up - down) / (2 * step), rel=1e-4, abs=1e-4 * size[greek] + 1e-9 * size[source] / step
    )


@given(options)
def test_no_number_is_larger_than_its_scale(option: ReferenceOption) -> None:
    scale = measure_scale(option)
    for name, number in compute_reference(option).items():
        assert abs(number) <= scale[name] * (1 + 1e-9), name


@pytest.mark.parametrize("kind", [1, -1])
@pytest.mark.parametrize(("years", "volatility"), [(0.0, 0.2), (2.0, 0.0)])
def test_without_time_or_volatility_the_limits_hold(kind: int, years: float, volatility: float) -> None:
    for spot in (80.0, 120.0):
        option = ReferenceOption(kind, spot, 100.0, years, 0.03, 0.01, volatility)
        found = compute_reference(option)
        share, bond = spot * math.exp(-0.01 * years), 100 * math.exp(-0.03 * years)
        inside = kind * (share - bond) > 0
        assert found["value"] == pytest.approx(max(0.0, kind * (share - bond)), abs=1e-12)
        assert found["delta"] == pytest.approx(kind * share / spot * inside, abs=1e-15)
        assert found["theta"] == pytest.approx(kind * (0.01 * share - 0.03 * bond) * inside, abs=1e-12)
        assert found["charm"] == pytest.approx(0.01 * found["delta"], abs=1e-15)
        assert [found[name] for name in ("gamma", "vega", "vanna", "volga")] == [0, 0, 0, 0]


def test_a_discount_that_no_float_holds_is_refused() -> None:
    with pytest.raises(PricingModelError, match="lies outside what a float64 holds"):
        compute_reference(ReferenceOption(1, 1.0, 1.0, 900.0, -1.0, 0.0, 0.2))


def test_numbers_stay_finite_where_deviations_are_immense() -> None:
    for spot, volatility in ((1e100, 1e-20), (1e-100, 1e-20), (1.0, 1e3)):
        found = compute_reference(ReferenceOption(-1, spot, 1.0, 0.5, 0.01, 0.0, volatility))
        assert np.all(np.isfinite(list(found.values())))


def test_the_condition_is_small_but_where_nothing_can_move() -> None:
    usual = ReferenceOption(1, 100.0, 110.0, 0.5, 0.03, 0.01, 0.2)
    assert measure_condition(usual) < 1e-14
    assert measure_condition(usual._replace(strike=100.0, rate=0.01, volatility=1e-12)) > 1e-5
    assert measure_condition(usual._replace(years=0.0)) == 0
