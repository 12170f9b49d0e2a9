"""Implied volatilities: the round trip over a stated grid, and the reasons for which quotes are refused."""

import numpy as np
import pytest

from tests.unit.pricing.contracts import Columns
from tradeops.pricing.black_scholes import price_european
from tradeops.pricing.implied_volatility import ImpliedVolatilities, solve_implied_volatility
from tradeops.pricing.refusals import Refusal

SPOT = 100.0
QUOTE = {"kind": 1, "spot": SPOT, "strike": 90.0, "years": 1.0, "rate": 0.0, "dividend_yield": 0.0}


def make_grid() -> tuple[Columns, Columns]:
    """The stated grid: contracts, and the volatility and price of each.

    Both kinds; strikes −7 … 7 standard deviations from the forward in halves, as far as they lie within a
    twentieth and twenty times spot; a day, a week, a month, a quarter, a year, five; 5 … 150 %; four pairs of
    rate and yield.
    """
    axes = (
        [1.0, -1.0],
        np.arange(-7.0, 7.01, 0.5),
        [1 / 365, 7 / 365, 30 / 365, 0.25, 1.0, 5.0],
        [0.05, 0.1, 0.2, 0.4, 0.8, 1.5],
        range(4),
    )
    kind, deviations, years, volatility, pair = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    rate, carry = np.array([[0.0, 0.0], [0.05, 0.02], [-0.01, 0.0], [0.03, 0.08]])[pair].T
    strike = SPOT * np.exp((rate - carry) * years + deviations * volatility * np.sqrt(years))
    inside = (strike >= SPOT / 20) & (strike <= SPOT * 20)
    columns = {"kind": kind, "strike": strike, "years": years, "rate": rate, "dividend_yield": carry}
    contracts = {name: column[inside] for name, column in columns.items()} | {"spot": np.full(inside.sum(), SPOT)}
    price = price_european(**contracts, volatility=volatility[inside])
    return contracts, {"volatility": volatility[inside], "price": price}


def measure_round_trip(contracts: Columns, price: np.ndarray, found: ImpliedVolatilities) -> float:
    """Worst difference of the price at the volatility found, in spots."""
    kept = found.refusal == Refusal.NONE
    back = price_european(**{n: c[kept] for n, c in contracts.items()}, volatility=found.volatility[kept])
    return float(np.abs(back - price[kept]).max() / SPOT)


def test_the_grid_comes_back_and_at_most_two_percent_are_refused() -> None:
    contracts, known = make_grid()
    found = solve_implied_volatility(price=known["price"], **contracts)
    assert len(known["price"]) > 7_000
    assert np.mean(found.refusal != Refusal.NONE) <= 0.02
    assert set(np.unique(found.refusal)) <= {Refusal.NONE, Refusal.TIME_VALUE_LOST}
    assert measure_round_trip(contracts, known["price"], found) <= 1e-10
    refused = found.refusal != Refusal.NONE
    in_the_money = contracts["kind"] * (contracts["strike"] - SPOT * np.exp(_drift(contracts))) < 0
    assert in_the_money[refused].all()


def _drift(contracts: Columns) -> np.ndarray:
    return (contracts["rate"] - contracts["dividend_yield"]) * contracts["years"]


def test_mutant_a_volatility_off_in_the_eighth_digit_fails_the_round_trip() -> None:
    contracts, known = make_grid()
    found = solve_implied_volatility(price=known["price"], **contracts)
    mutant = ImpliedVolatilities(volatility=found.volatility * (1 + 1e-8), refusal=found.refusal)
    assert measure_round_trip(contracts, known["price"], mutant) > 1e-10


def test_out_of_the_money_the_volatility_itself_comes_back_down_to_prices_of_1e_290() -> None:
    strike = SPOT * np.exp(0.2 * np.linspace(0.01, 36.0, 400))
    price = price_european(1, SPOT, strike, 1.0, 0.0, 0.0, 0.2)
    found = solve_implied_volatility(1, price, SPOT, strike, 1.0, 0.0, 0.0)
    assert price.min() < 1e-280
    kept = found.refusal == Refusal.NONE
    assert kept[price > 1e-276].all()
    assert found.volatility[kept] == pytest.approx(0.2, rel=1e-13)


@pytest.mark.parametrize("volatility", [1e-8, 1e-6, 1e-3, 0.2, 3.0, 9.0])
def test_at_the_money_every_size_of_volatility_comes_back(volatility: float) -> None:
    price = price_european(1, SPOT, SPOT, 1.0, 0.0, 0.0, volatility)
    found = solve_implied_volatility(1, price, SPOT, SPOT, 1.0, 0.0, 0.0)
    assert float(found.volatility) == pytest.approx(volatility, rel=max(1e-9, 1e-15 / volatility))


@pytest.mark.parametrize(
    ("change", "price", "refusal"),
    [
        ({}, 9.9, Refusal.BELOW_INTRINSIC),
        ({}, 10.0, Refusal.TIME_VALUE_LOST),
        ({}, 10.0 + 1e-13, Refusal.TIME_VALUE_LOST),
        ({}, 100.0, Refusal.ABOVE_BOUND),
        ({}, 150.0, Refusal.ABOVE_BOUND),
        ({"kind": -1}, 90.0, Refusal.ABOVE_BOUND),
        ({"kind": -1}, 0.0, Refusal.TIME_VALUE_LOST),
        ({"kind": -1, "strike": 200.0, "rate": 0.1}, 200.0 * np.exp(-0.1) - 100.5, Refusal.BELOW_INTRINSIC),
        ({"years": 0.0}, 10.0, Refusal.NO_TIME),
        ({"years": 1e-9}, 99.0, Refusal.NOT_CONVERGED),
        ({}, -1.0, Refusal.PRICE),
        ({}, float("nan"), Refusal.PRICE),
        ({}, float("inf"), Refusal.PRICE),
        ({"spot": -1.0}, 10.5, Refusal.SPOT),
        ({"kind": 2}, 10.5, Refusal.KIND),
        ({"rate": 10.0, "years": 1000.0}, 10.5, Refusal.NOT_FINITE),
    ],
)
def test_a_quote_without_a_volatility_is_refused_with_the_reason(
    change: dict[str, float], price: float, refusal: Refusal
) -> None:
    found = solve_implied_volatility(price=price, **{**QUOTE, **change})
    assert Refusal(int(found.refusal)) is refusal
    assert np.isnan(found.volatility)
    assert refusal.reason


def test_a_bad_quote_does_not_touch_its_neighbours() -> None:
    alone = solve_implied_volatility(price=15.0, **QUOTE)
    among = solve_implied_volatility(price=[np.nan, 15.0, 5.0], **QUOTE)
    assert among.refusal.tolist() == [Refusal.PRICE, Refusal.NONE, Refusal.BELOW_INTRINSIC]
    assert among.volatility[1] == alone.volatility
