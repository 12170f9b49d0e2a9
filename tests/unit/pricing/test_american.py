"""Bjerksund and Stensland's values against their publication, QuantLib's exact engine and the 1993 method."""

import numpy as np
import pytest

from tests.unit.pricing.quantlib_american import price_with_quantlib
from tradeops.domain.errors import PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.pricing.american import evaluate_american, price_american
from tradeops.pricing.black_scholes import price_european
from tradeops.pricing.refusals import Refusal

# Haug, "The Complete Guide to Option Pricing Formulas", 2nd ed., the table of the 2002 method: American calls on
# futures, strike 100, rate = dividend yield = 10 %, at spots 90, 100, 110.
PUBLISHED = {
    (0.1, 0.15): (0.0205, 1.8757, 10.0000),
    (0.1, 0.25): (0.3151, 3.1256, 10.3725),
    (0.1, 0.35): (0.9479, 4.3746, 11.1578),
    (0.5, 0.15): (0.8099, 4.0628, 10.7898),
    (0.5, 0.25): (2.7180, 6.7661, 12.9814),
    (0.5, 0.35): (4.9665, 9.4608, 15.5137),
}
SPOTS = np.array([90.0, 100.0, 110.0])
Contract = tuple[float, ...]


NEAR, FAR = (80.0, 125.0, 0.6), (40.0, 250.0, 1.0)  # strikes from and to, and the highest volatility


def draw(count: int, strip: tuple[float, float, float] = NEAR, seed: int = 5) -> list[Contract]:
    """(kind, spot, strike, days, rate, yield, volatility): ten days to three years, from 10 % of volatility."""
    rng = np.random.default_rng(seed)
    low, high = (strip[0], 10, 0.005, 0.005, 0.1), (strip[1], 1100, 0.1, 0.1, strip[2])
    drawn = rng.uniform(low, high, (count, 5))
    kinds = rng.choice([-1.0, 1.0], count)
    return [(k, 100.0, strike, int(days), *rest) for k, (strike, days, *rest) in zip(kinds, drawn, strict=True)]


def price(contracts: list[Contract]) -> FloatArray:
    columns = np.array(contracts).T.copy()
    columns[3] /= 365.0
    return price_american(*columns)


@pytest.fixture(scope="module")
def contracts() -> list[Contract]:
    return draw(300)


@pytest.fixture(scope="module")
def exact(contracts: list[Contract]) -> FloatArray:
    return np.array([price_with_quantlib(contract, "exact") for contract in contracts])


@pytest.fixture(scope="module")
def far() -> list[Contract]:
    return draw(400, FAR, seed=6)


@pytest.fixture(scope="module")
def far_exact(far: list[Contract]) -> FloatArray:
    return np.array([price_with_quantlib(contract, "exact") for contract in far])


def exceeds_published_error(ours: FloatArray, exact: FloatArray, *, most: float = 4e-3, typical: float = 7e-4) -> bool:
    """A lower bound by construction; short of the exact value by at most 0.4 % of spot, 0.07 % as root mean square."""
    short = (exact - ours) / 100.0
    return bool(short.min() < -1e-9 or short.max() > most or np.sqrt(np.mean(short**2)) > typical)


def exceeds_error_far_from_the_money(ours: FloatArray, exact: FloatArray) -> bool:
    """Short by at most 8 % of spot, 1 % as root mean square."""
    return exceeds_published_error(ours, exact, most=0.08, typical=0.01)


@pytest.mark.parametrize(("years", "volatility"), PUBLISHED)
def test_published_values_come_out_digit_for_digit(years: float, volatility: float) -> None:
    found = price_american(1, SPOTS, 100.0, years, 0.1, 0.1, volatility)
    assert np.round(found, 4).tolist() == list(PUBLISHED[years, volatility])


def test_values_are_lower_bounds_close_to_the_exact_ones(contracts: list[Contract], exact: FloatArray) -> None:
    assert not exceeds_published_error(price(contracts), exact)


def test_far_from_the_money_they_are_lower_bounds_and_no_more(far: list[Contract], far_exact: FloatArray) -> None:
    found = price(far)
    assert not exceeds_error_far_from_the_money(found, far_exact)
    assert exceeds_published_error(found, far_exact)


def test_mutants_outside_the_error_far_from_the_money_are_found(far: list[Contract], far_exact: FloatArray) -> None:
    european = np.array([price_european(k, s, x, d / 365, r, q, v) for k, s, x, d, r, q, v in far])
    assert exceeds_error_far_from_the_money(european, far_exact)
    assert exceeds_error_far_from_the_money(price(far) + 0.05, far_exact)


def test_two_boundaries_are_better_than_one(contracts: list[Contract], exact: FloatArray) -> None:
    older = np.array([price_with_quantlib(contract, "1993") for contract in contracts])
    assert np.mean((price(contracts) - exact) ** 2) < 0.7 * np.mean((older - exact) ** 2)


def test_mutants_outside_the_published_error_are_found(contracts: list[Contract], exact: FloatArray) -> None:
    european = np.array([price_european(k, s, x, d / 365, r, q, v) for k, s, x, d, r, q, v in contracts])
    assert exceeds_published_error(european, exact)
    assert exceeds_published_error(price(contracts) + 0.05, exact)
    exchanged = price([(k, s, x, d, q, r, v) for k, s, x, d, r, q, v in contracts])
    assert exceeds_published_error(exchanged, exact)


def test_a_put_is_the_call_with_both_pairs_exchanged() -> None:
    call = price_american(1, 100.0, SPOTS, 0.7, 0.06, 0.03, 0.3)
    put = price_american(-1, SPOTS, 100.0, 0.7, 0.03, 0.06, 0.3)
    assert put == pytest.approx(call, rel=1e-14)


def test_without_a_reason_to_exercise_the_value_is_european() -> None:
    assert price_american(1, SPOTS, 100.0, 0.7, 0.06, 0.0, 0.3) == pytest.approx(
        price_european(1, SPOTS, 100.0, 0.7, 0.06, 0.0, 0.3), rel=0
    )
    assert price_american(-1, SPOTS, 100.0, 0.7, 0.0, 0.06, 0.3) == pytest.approx(
        price_european(-1, SPOTS, 100.0, 0.7, 0.0, 0.06, 0.3), rel=0
    )


def test_never_below_the_european_value_or_exercise() -> None:
    kind, spot, years, volatility = (
        a.ravel() for a in np.meshgrid([1, -1], np.linspace(40, 250, 43), [0.01, 0.5, 5.0], [0.1, 0.4, 1.5])
    )
    found = price_american(kind, spot, 100.0, years, 0.04, 0.05, volatility)
    assert (found >= price_european(kind, spot, 100.0, years, 0.04, 0.05, volatility)).all()
    assert (found >= kind * (spot - 100.0)).all()
    assert (found <= np.where(kind > 0, spot, 100.0)).all()


def test_at_expiry_the_value_is_exercise() -> None:
    assert price_american([1, -1], 90.0, 100.0, 0.0, 0.05, 0.05, 0.2).tolist() == [0.0, 10.0]


@pytest.mark.parametrize(
    ("rate", "carry", "volatility", "refusal"),
    [
        (-0.02, -0.03, 0.2, Refusal.NO_BOUNDARY),
        (0.05, 0.04, 1e-4, Refusal.NO_CLOSED_FORM),
        (0.05, 0.04, 0.0, Refusal.NO_CLOSED_FORM),
    ],
)
def test_what_the_method_has_no_number_for_is_refused(
    rate: float, carry: float, volatility: float, refusal: Refusal
) -> None:
    contract = (1, 100.0, 101.0, 1.0, rate, carry, volatility)
    assert evaluate_american(*contract)[1] == refusal
    with pytest.raises(PricingModelError, match="price_on_lattice"):
        price_american(*contract)
