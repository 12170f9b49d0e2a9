"""The lattice against the closed form, QuantLib's exact American engine and its finite differences."""

import dataclasses

import numpy as np
import pytest

from tests.unit.pricing.quantlib_american import make_quantlib_option, price_with_quantlib
from tests.unit.pricing.test_american import FAR, draw
from tradeops.domain.errors import InvalidPricingInput, PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing.american import price_american
from tradeops.pricing.black_scholes import price_european, price_with_greeks
from tradeops.pricing.dividends import CashDividend, escrow_spot
from tradeops.pricing.lattice import STEPS, LatticeColumns, price_on_lattice
from tradeops.pricing.refusals import Refusal

EUROPEAN, AMERICAN = ExerciseStyle.EUROPEAN, ExerciseStyle.AMERICAN
GREEKS = ("value", "delta", "gamma", "theta", "vega", "rho", "dividend_rho")
# What 501 steps are held to, per spot of 100.
ALLOWED = {"value": 1e-2, "delta": 1e-3, "gamma": 2e-4, "theta": 5e-2, "vega": 3e-2, "rho": 6e-2, "dividend_rho": 6e-2}
CONTRACTS = [
    (k, 100.0, x, 182, r, q, v)
    for k in (1, -1)
    for x in (85.0, 100.0, 115.0)
    for r, q, v in ((0.05, 0.02, 0.2), (0.02, 0.06, 0.4))
]


def by_lattice(contract: tuple[float, ...], style: ExerciseStyle, steps: int = 501) -> LatticeColumns:
    kind, spot, strike, days, *rest = contract
    return price_on_lattice(kind, style, spot, strike, days / 365, *rest, steps=steps)


def find_differences(ours: LatticeColumns, theirs: dict[str, float]) -> dict[str, float]:
    """Differences as multiples of what is allowed."""
    return {n: abs(float(getattr(ours, n)) - x) / ALLOWED[n] for n, x in theirs.items()}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_european_lattice_gives_the_closed_form(contract: tuple[float, ...]) -> None:
    kind, spot, strike, days, *rest = contract
    known = price_with_greeks(kind, spot, strike, days / 365, *rest)
    found = find_differences(by_lattice(contract, EUROPEAN), {n: float(getattr(known, n)) for n in GREEKS})
    assert max(found.values()) <= 1.0, found


def test_european_lattice_converges_with_the_square_of_the_steps() -> None:
    known = price_european(1, 100.0, 105.0, 0.5, 0.03, 0.01, 0.25)
    errors = [
        abs(float(price_on_lattice(1, EUROPEAN, 100.0, 105.0, 0.5, 0.03, 0.01, 0.25, steps=n).value - known))
        for n in (51, 201, 801)
    ]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def test_american_values_agree_with_the_exact_engine() -> None:
    contracts = draw(60)
    exact = np.array([price_with_quantlib(contract, "exact") for contract in contracts])
    found = np.array([float(by_lattice(contract, AMERICAN).value) for contract in contracts])
    assert np.abs(found - exact).max() <= ALLOWED["value"]
    coarse = np.array([float(by_lattice(contract, AMERICAN, steps=15).value) for contract in contracts])
    assert np.abs(coarse - exact).max() > ALLOWED["value"]


def exceeds_error_far_from_the_money(value: FloatArray, exact: FloatArray) -> bool:
    """Within 0.04 % of spot, 0.006 % as root mean square."""
    off = (value - exact) / 100.0
    return bool(np.abs(off).max() > 4e-4 or np.sqrt(np.mean(off**2)) > 6e-5)


def test_american_values_far_from_the_money_agree_with_the_exact_engine() -> None:
    contracts = draw(400, FAR, seed=6)
    exact = np.array([price_with_quantlib(contract, "exact") for contract in contracts])
    columns = np.array(contracts).T.copy()
    columns[3] /= 365.0

    def by_steps(steps: int) -> FloatArray:
        return price_on_lattice(columns[0], AMERICAN, *columns[1:], steps=steps).value

    assert not exceeds_error_far_from_the_money(by_steps(STEPS), exact)
    assert exceeds_error_far_from_the_money(by_steps(51), exact)
    assert exceeds_error_far_from_the_money(price_american(*columns), exact)


def test_an_early_exercise_that_the_closed_form_misses_is_on_the_lattice() -> None:
    contract = (-1, 100.0, 189.7, 270, 0.03, 0.02, 0.555)
    exact = price_with_quantlib(contract, "exact")
    asked = (-1, 100.0, 189.7, 270 / 365, 0.03, 0.02, 0.555)
    assert float(by_lattice(contract, AMERICAN).value) == pytest.approx(exact, abs=1e-2)
    assert float(price_american(*asked)) == float(price_european(*asked)) < exact - 1.3


def test_deep_in_the_money_no_greek_has_a_sign_it_cannot_have() -> None:
    kind, strike, volatility = (
        a.ravel() for a in np.meshgrid([1.0, -1.0], np.linspace(30.0, 300.0, 28), [0.05, 0.2, 0.6])
    )
    found = price_on_lattice(kind, AMERICAN, 100.0, strike, 0.5, 0.04, 0.06, volatility)
    assert found.gamma.min() >= 0 and found.vega.min() >= 0


@pytest.mark.parametrize("contract", CONTRACTS)
def test_american_greeks_agree_with_the_exact_engine(contract: tuple[float, ...]) -> None:
    def exact(place: int, by: float) -> float:
        moved = list(contract)
        moved[place] += by
        return price_with_quantlib(tuple(moved), "exact")

    def slope(place: int, step: float) -> float:
        return (exact(place, step) - exact(place, -step)) / (2 * step)

    known = {
        "value": exact(1, 0.0),
        "delta": slope(1, 0.1),
        "gamma": (exact(1, 0.5) - 2 * exact(1, 0.0) + exact(1, -0.5)) / 0.25,
        "theta": -slope(3, 1) * 365,
        "vega": slope(6, 1e-3),
        "rho": slope(4, 1e-4),
        "dividend_rho": slope(5, 1e-4),
    }
    found = by_lattice(contract, AMERICAN)
    differences = find_differences(found, known)
    assert max(differences.values()) <= 1.0, differences
    assert max(find_differences(dataclasses.replace(found, theta=found.theta / 365), known).values()) > 1.0


def test_the_closed_form_is_a_lower_bound_of_the_lattice() -> None:
    kinds, strikes = np.array([[1], [-1]]), np.linspace(70.0, 140.0, 15)
    found = price_on_lattice(kinds, AMERICAN, 100.0, strikes, 1.0, 0.05, 0.04, 0.3)
    short = found.value - price_american(kinds, 100.0, strikes, 1.0, 0.05, 0.04, 0.3)
    assert short.min() >= -ALLOWED["value"] and short.max() <= 0.3


def test_negative_rates_where_the_closed_form_refuses_are_priced() -> None:
    exact = price_with_quantlib((1, 100.0, 95.0, 365, -0.02, -0.03, 0.1), "fd")
    found = price_on_lattice(1, AMERICAN, 100.0, 95.0, 1.0, -0.02, -0.03, 0.1)
    assert float(found.value) == pytest.approx(exact, abs=1e-2)


DIVIDENDS = ((60, 1.5), (150, 2.0), (300, 9.0))


@pytest.mark.parametrize("kind", [1, -1])
@pytest.mark.parametrize("style", [EUROPEAN, AMERICAN])
def test_cash_dividends_agree_with_escrowed_finite_differences(kind: int, style: ExerciseStyle) -> None:
    paid = [CashDividend(years=day / 365, amount=amount) for day, amount in DIVIDENDS]
    contract = (kind, 100.0, 98.0, 182, 0.05, 0.0, 0.25)
    option = make_quantlib_option(contract, "fd", american=style is AMERICAN, dividends=DIVIDENDS[:2])
    found = price_on_lattice(kind, style, 100.0, 98.0, 182 / 365, 0.05, 0.0, 0.25, dividends=paid)
    known = {"value": option.NPV(), "delta": option.delta(), "gamma": option.gamma()}
    allowed = {"value": 2e-2, "delta": 3e-3, "gamma": 5e-4}
    assert all(abs(float(getattr(found, n)) - x) <= allowed[n] for n, x in known.items())
    without = price_on_lattice(kind, style, 100.0, 98.0, 182 / 365, 0.05, 0.0, 0.25)
    assert abs(float(without.value) - known["value"]) > 0.5


def test_theta_with_dividends_is_the_change_over_a_day() -> None:
    def after(days: float) -> LatticeColumns:
        paid = [CashDividend(years=0.3 - days / 365, amount=2.0)]
        return price_on_lattice(-1, AMERICAN, 100.0, 100.0, 0.5 - days / 365, 0.05, 0.0, 0.25, dividends=paid)

    slope = (float(after(1).value) - float(after(-1).value)) / 2 * 365
    assert float(after(0).theta) == pytest.approx(slope, rel=0.02)


def test_a_european_option_with_dividends_is_that_of_the_escrowed_spot() -> None:
    paid = [CashDividend(years=day / 365, amount=amount) for day, amount in DIVIDENDS]
    rest = escrow_spot(100.0, paid, years=0.5, rate=0.05)
    assert float(rest) == pytest.approx(100.0 - 1.5 * np.exp(-0.05 * 60 / 365) - 2.0 * np.exp(-0.05 * 150 / 365))
    found = price_on_lattice([1, -1], EUROPEAN, 100.0, 98.0, 0.5, 0.05, 0.0, 0.25, dividends=paid)
    assert found.value == pytest.approx(price_european([1, -1], rest, 98.0, 0.5, 0.05, 0.0, 0.25), abs=1e-4)


def test_a_dividend_on_the_day_of_expiry_counts_and_a_later_one_does_not() -> None:
    on, later = CashDividend(years=0.5, amount=3.0), CashDividend(years=0.5001, amount=3.0)
    assert float(escrow_spot(100.0, [on], years=0.5, rate=0.0)) == 97.0
    assert float(escrow_spot(100.0, [later], years=0.5, rate=0.0)) == 100.0


def test_an_option_best_exercised_at_once_is_worth_exactly_that_and_loses_nothing_with_time() -> None:
    strikes = np.array([115.0, 120.0, 137.7, 150.0, 199.9])
    for volatility in (0.03, 0.05, 0.1):
        found = price_on_lattice(-1, AMERICAN, 80.0, strikes, 1.0, 0.05, 0.0, volatility)
        assert found.value.tolist() == (strikes - 80.0).tolist()
        assert not found.theta.any()
    waiting = price_on_lattice(-1, EUROPEAN, 80.0, strikes, 1.0, 0.05, 0.0, 0.05)
    assert np.all(waiting.theta > 4.0)


def test_at_expiry_the_lattice_exercises() -> None:
    found = price_on_lattice([1, -1], AMERICAN, 100.0, [90.0, 95.0], 0.0, 0.05, 0.0, 0.2)
    assert found.value.tolist() == [10.0, 0.0] and found.delta.tolist() == [1.0, 0.0] and not found.gamma.any()


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"volatility": 0.0}, Refusal.TOO_FEW_STEPS),
        ({"volatility": 1e-4, "strike": 150.0}, Refusal.TOO_FEW_STEPS),
        ({"years": 0.0}, Refusal.KINK),
        ({"dividends": [CashDividend(years=0.1, amount=101.0)]}, Refusal.DIVIDENDS),
    ],
)
def test_what_the_lattice_cannot_price_is_refused(change: dict[str, object], refusal: Refusal) -> None:
    contract = {"kind": 1, "style": AMERICAN, "spot": 100.0, "strike": 100.0, "years": 1.0, "rate": 0.05}
    arguments = {**contract, "dividend_yield": 0.0, "volatility": 0.2, **change}
    with pytest.raises(PricingModelError) as caught:
        price_on_lattice(**arguments)  # type: ignore[arg-type]
    assert caught.value.context["refusal"] is refusal


@pytest.mark.parametrize("steps", [0, 2, 500, 30_001, -3, 5.0])
def test_steps_are_odd_and_bounded(steps: int) -> None:
    with pytest.raises(InvalidPricingInput, match="odd"):
        price_on_lattice(1, AMERICAN, 100.0, 100.0, 1.0, 0.05, 0.0, 0.2, steps=steps)


@pytest.mark.parametrize(
    ("years", "amount"), [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, -1.0), (1.0, float("inf"))]
)
def test_a_dividend_that_makes_no_sense_is_refused(years: float, amount: float) -> None:
    with pytest.raises(InvalidPricingInput):
        CashDividend(years=years, amount=amount)


@pytest.mark.parametrize("change", [{"spot": 1.0}, {"spot": np.nan}, {"years": np.nan}, {"rate": np.nan}])
def test_an_escrow_that_is_no_number_is_refused(change: dict[str, float]) -> None:
    arguments = {"spot": 100.0, "years": 1.0, "rate": 0.0, **change}
    with pytest.raises(InvalidPricingInput, match="row 0"):
        escrow_spot(dividends=[CashDividend(years=0.1, amount=2.0)], **arguments)
