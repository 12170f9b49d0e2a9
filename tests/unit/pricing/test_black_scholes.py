"""European values and Greeks against QuantLib, the textbook and the formulas' own limits."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.unit.pricing.contracts import (
    COMPARED,
    Columns,
    ask_quantlib,
    draw_contracts,
    find_differences,
    value_by_erfc,
)
from tradeops.domain.errors import InvalidPricingInput, PricingModelError
from tradeops.pricing.black_scholes import (
    GreekColumns,
    GreekNumbers,
    evaluate_european,
    price_european,
    price_one_with_greeks,
    price_with_greeks,
)
from tradeops.pricing.kernels import BLOCK
from tradeops.pricing.refusals import Refusal

CONTRACT = (100.0, 110.0, 0.5, 0.03, 0.01, 0.2)
SECOND_ORDER = {"vanna": ("delta", "volatility"), "volga": ("vega", "volatility"), "gamma": ("delta", "spot")}


@pytest.fixture(scope="module")
def contracts() -> Columns:
    return draw_contracts(10_000, seed=11)


@pytest.fixture(scope="module")
def quantlib(contracts: Columns) -> Columns:
    return ask_quantlib(contracts)


def test_ten_thousand_contracts_agree_with_quantlib(contracts: Columns, quantlib: Columns) -> None:
    found = find_differences(price_with_greeks(**contracts), quantlib, contracts["spot"])
    assert set(found) == set(COMPARED)
    assert max(found.values()) <= 1.0, found


MUTANTS: dict[str, Callable[[GreekColumns, Columns], GreekColumns]] = {
    "a value off by 2e-10": lambda g, c: dataclasses.replace(
        g, value=g.value * (1 + 0 * c["spot"]) + 2e-10 * c["spot"]
    ),
    "vega per point": lambda g, _: dataclasses.replace(g, vega=g.vega / 100),
    "theta per day": lambda g, _: dataclasses.replace(g, theta=g.theta / 365),
    "theta of the other sign": lambda g, _: dataclasses.replace(g, theta=-g.theta),
    "delta of the forward": lambda g, c: dataclasses.replace(
        g, delta=g.delta * np.exp(c["dividend_yield"] * c["years"])
    ),
    "gamma of one row off by a millionth": lambda g, _: dataclasses.replace(
        g, gamma=np.where(g.gamma == g.gamma.max(), g.gamma * (1 + 1e-6), g.gamma)
    ),
    "rho of the other kind": lambda g, c: dataclasses.replace(
        g, rho=g.rho - c["kind"] * c["years"] * c["strike"] * np.exp(-c["rate"] * c["years"])
    ),
    "vanna without its sign": lambda g, _: dataclasses.replace(g, vanna=np.abs(g.vanna)),
    "volga as vega": lambda g, _: dataclasses.replace(g, volga=g.vega),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_told_from_quantlib(name: str, contracts: Columns, quantlib: Columns) -> None:
    mutant = MUTANTS[name](price_with_greeks(**contracts), contracts)
    assert max(find_differences(mutant, quantlib, contracts["spot"]).values()) > 1.0


def test_values_equal_the_textbook_to_1e_12_of_the_scale(contracts: Columns) -> None:
    rows = [dict(zip(contracts, map(float, row), strict=True)) for row in zip(*contracts.values(), strict=True)]
    expected = np.array([value_by_erfc(row) for row in rows])
    later = contracts["strike"] * np.exp(-contracts["rate"] * contracts["years"])
    scale = np.maximum(contracts["spot"], later)
    error = np.abs(price_european(**contracts) - expected) / scale
    assert error.max() <= 1e-12
    wrong = np.array([value_by_erfc(row | {"volatility": row["volatility"] * (1 + 1e-9)}) for row in rows])
    assert (np.abs(price_european(**contracts) - wrong) / scale).max() > 1e-12


def test_one_equals_many_to_the_bit_at_every_place_of_a_block(contracts: Columns) -> None:
    some = {name: column[: 2 * BLOCK + 7] for name, column in contracts.items()}
    many = price_with_greeks(**some)
    for row in range(2 * BLOCK + 7):
        one = price_one_with_greeks(*(column[row] for column in some.values()))  # type: ignore[arg-type]
        assert one == tuple(getattr(many, name)[row] for name in GreekNumbers._fields)


def test_arguments_of_any_shape_broadcast() -> None:
    found = price_with_greeks([[1], [-1]], 100.0, np.array([90, 100, 110]), 0.5, 0.03, 0.01, 0.2)
    assert found.value.shape == found.charm.shape == (2, 3)
    assert found.value[1, 2] == price_european(-1, 100.0, 110.0, 0.5, 0.03, 0.01, 0.2)
    assert price_european([], 100.0, 100.0, 1.0, 0.0, 0.0, 0.2).shape == (0,)


@pytest.mark.parametrize("name", ["charm", *SECOND_ORDER])
@pytest.mark.parametrize("kind", [1, -1])
def test_second_order_greeks_are_derivatives_of_first_order_ones(name: str, kind: int) -> None:
    of, by = SECOND_ORDER.get(name, ("delta", "years"))
    names = ("spot", "strike", "years", "rate", "dividend_yield", "volatility")
    step = 1e-5 * CONTRACT[names.index(by)]
    sides = [[x + sign * step * (n == by) for n, x in zip(names, CONTRACT, strict=True)] for sign in (1, -1)]
    above, below = (getattr(price_one_with_greeks(kind, *side), of) for side in sides)
    slope = (above - below) / (2 * step) * (-1.0 if name == "charm" else 1.0)
    assert getattr(price_one_with_greeks(kind, *CONTRACT), name) == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize(("years", "volatility"), [(0.0, 0.2), (0.5, 0.0), (0.0, 0.0), (1e-320, 0.2), (0.5, 1e-320)])
@pytest.mark.parametrize("strike", [80.0, 130.0])
@pytest.mark.parametrize("kind", [1, -1])
def test_limits_at_zero_time_and_volatility_are_the_stated_formulas(
    kind: int, strike: float, years: float, volatility: float
) -> None:
    spot, rate, carry = 100.0, 0.03, 0.01
    now, later = spot * math.exp(-carry * years), strike * math.exp(-rate * years)
    hits = 1.0 if kind * (now - later) > 0 else 0.0
    delta = kind * hits * math.exp(-carry * years)
    expected = GreekNumbers(
        value=hits * kind * (now - later),
        delta=delta,
        gamma=0.0,
        vega=0.0,
        theta=carry * spot * delta - rate * later * kind * hits,
        rho=kind * years * later * hits,
        dividend_rho=-years * spot * delta,
        vanna=0.0,
        volga=0.0,
        charm=carry * delta,
    )
    found = price_one_with_greeks(kind, spot, strike, years, rate, carry, volatility)
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("small", [1e-4, 1e-6, 1e-9, 1e-12])
def test_the_limit_is_approached_and_not_jumped_to(small: float) -> None:
    limit = price_one_with_greeks(1, 100.0, 99.9, 0.5, 0.0, 0.0, 0.0)
    near = price_one_with_greeks(1, 100.0, 99.9, 0.5, 0.0, 0.0, small)
    assert near.value == pytest.approx(limit.value, abs=1e-12)
    assert near.delta == pytest.approx(limit.delta, abs=1e-5)


def test_at_the_kink_there_is_a_value_but_no_greeks() -> None:
    kink = (1, 100.0, 100.0, 0.0, 0.03, 0.01, 0.2)
    assert price_european(*kink) == 0.0
    with pytest.raises(PricingModelError, match="delta jumps"):
        price_one_with_greeks(*kink)
    with pytest.raises(PricingModelError, match="row 0"):
        price_with_greeks(*kink)


@pytest.mark.parametrize("kind", [1, -1])
def test_a_denormal_time_is_no_time(kind: int) -> None:
    assert price_european(kind, 1.0, 1.0, 5e-324, 0.0, 0.0, 1.0) == 0.0


def test_a_bad_row_is_named_and_harms_no_other() -> None:
    volatility = np.array([0.2, 0.3, -0.1, 0.2])
    rows = evaluate_european(1, 100.0, 100.0, 1.0, 0.0, 0.0, volatility)
    assert rows.refusal.tolist() == [0, 0, Refusal.VOLATILITY, 0]
    assert rows.greeks.value[2] == 0.0 and (rows.greeks.value[[0, 1, 3]] > 0.0).all()
    with pytest.raises(InvalidPricingInput, match=r"row 2, volatility = -0\.1: .* from 0 to 1,000"):
        price_with_greeks(1, 100.0, 100.0, 1.0, 0.0, 0.0, volatility)


def test_far_from_the_money_no_digits_are_lost() -> None:
    # Reference: 60-digit arithmetic of the same formula.
    assert float(price_european(1, 100.0, 1000.0, 1.0, 0.0, 0.0, 0.2)) == pytest.approx(
        3.058670112605406e-30, rel=1e-12
    )
