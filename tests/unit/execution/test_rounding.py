from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.domain.errors import PricingError
from tradeops.domain.orders import Side
from tradeops.execution.rounding import fill_price, round_against_us, round_half_up, to_price, to_quantity

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("x", "tick", "side", "price"),
    [
        (10.019, "0.01", Side.BUY, "10.01"),
        (10.011, "0.01", Side.SELL, "10.02"),
        (0.1, "0.1", Side.BUY, "0.1"),
        (0.3, "0.1", Side.SELL, "0.3"),
        (10.26, "0.25", Side.BUY, "10.25"),
        (10.26, "0.25", Side.SELL, "10.50"),
    ],
)
def test_a_limit_price_stays_away_from_aggression(x: float, tick: str, side: Side, price: str) -> None:
    assert to_price(x, Decimal(tick), side) == Decimal(price)


@pytest.mark.parametrize(
    ("x", "lot", "shares"), [(7.9, "1", "7"), (-7.9, "1", "-7"), (250.0, "100", "200"), (0.9, "1", "0")]
)
def test_a_quantity_is_rounded_toward_zero(x: float, lot: str, shares: str) -> None:
    assert to_quantity(x, Decimal(lot)) == Decimal(shares)


@pytest.mark.parametrize("x", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_an_error(x: float) -> None:
    with pytest.raises(PricingError):
        to_price(x, CENT, Side.BUY)
    with pytest.raises(PricingError):
        to_quantity(x, Decimal(1))


@pytest.mark.parametrize("step", ["0", "-1"])
def test_a_grid_without_width_is_an_error(step: str) -> None:
    with pytest.raises(PricingError):
        to_quantity(1.0, Decimal(step))


@given(st.floats(0.01, 1e6), st.sampled_from(["0.01", "0.05", "0.25", "1"]))
def test_a_price_is_on_the_grid_within_a_tick_and_read_as_it_is_written(x: float, tick: str) -> None:
    low, high = to_price(x, Decimal(tick), Side.BUY), to_price(x, Decimal(tick), Side.SELL)
    exact = Decimal(repr(x))
    assert low <= exact <= high and high - low in (0, Decimal(tick))
    assert low % Decimal(tick) == high % Decimal(tick) == 0


@given(st.decimals(-1000, 1000, places=5))
def test_cash_is_never_rounded_in_our_favour(amount: Decimal) -> None:
    assert amount - CENT < round_against_us(amount) <= amount


@given(st.decimals(1, 1000, places=5))
def test_fills_are_rounded_against_us(exact: Decimal) -> None:
    assert exact <= fill_price(exact, Side.BUY) < exact + CENT
    assert exact - CENT < fill_price(exact, Side.SELL) <= exact


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.625", "0.63"), ("0.615", "0.62"), ("0.6149", "0.61"), ("-0.625", "-0.63")]
)
def test_halves_go_up(amount: str, rounded: str) -> None:
    assert round_half_up(Decimal(amount)) == Decimal(rounded)
