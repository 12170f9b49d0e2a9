"""Whatever comes in: a finite number or a typed error, never NaN, never infinity."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tradeops.domain.errors import InvalidPricingInput, PricingError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing.american import evaluate_american, price_american
from tradeops.pricing.black_scholes import (
    GreekNumbers,
    evaluate_european,
    price_european,
    price_one_with_greeks,
    price_with_greeks,
)
from tradeops.pricing.implied_volatility import solve_implied_volatility
from tradeops.pricing.lattice import price_on_lattice
from tradeops.pricing.refusals import Refusal

NAMES = ("kind", "spot", "strike", "years", "rate", "dividend_yield", "volatility")
GOOD = {n: x for n, x in zip(NAMES, (1.0, 100.0, 110.0, 0.5, 0.03, 0.01, 0.2), strict=True)}
ODD = st.sampled_from(
    [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, -1.0, 1.0, 5e-324, -5e-324, 1e-308, 1e308, 1e-100, 1e100]
)
ANY = st.one_of(st.floats(), ODD, st.floats(-10.0, 10.0), st.floats(1e-3, 1e3))
KINDS = st.one_of(st.sampled_from([1.0, -1.0]), ANY)


def _lattice(*contract: float) -> FloatArray:
    kind, *rest = contract
    found = price_on_lattice(kind, ExerciseStyle.AMERICAN, *rest, steps=5)
    return np.stack([getattr(found, name) for name in type(found).__slots__])


def _greeks(*contract: float) -> FloatArray:
    found = price_with_greeks(*contract)
    return np.stack([getattr(found, name) for name in GreekNumbers._fields])


CALLS: dict[str, Callable[..., object]] = {
    "price_european": price_european,
    "price_with_greeks": _greeks,
    "price_one_with_greeks": price_one_with_greeks,
    "price_american": price_american,
    "price_on_lattice": _lattice,
}


def is_typed(call: Callable[..., object], contract: tuple[float, ...]) -> bool:
    """Whether the answer is finite numbers or an error of ours."""
    try:
        found = call(*contract)
    except PricingError:
        return True
    return bool(np.isfinite(np.asarray(found, np.float64)).all())


@pytest.mark.parametrize("name", CALLS)
def test_any_numbers_give_finite_results_or_typed_errors(name: str) -> None:
    @settings(max_examples=250, deadline=None)
    @given(st.tuples(KINDS, ANY, ANY, ANY, ANY, ANY, ANY))
    @example((1.0, 1e100, 1e-100, 1000.0, -10.0, 10.0, 1000.0))
    @example((-1.0, 1e-100, 1e100, 1000.0, 10.0, -10.0, 1000.0))
    @example((1.0, 7.5, 3792.0, 165.0, 0.0, -6.6, 1e-87))
    @example((-1.0, 331.0, 4.4, 303.0, -6.9, 0.0, 82.0))
    @example((1.0, 100.0, 100.0, 1e-300, 0.0, 0.0, 1e-3))
    @example((1.0, 100.0, 100.0, 5e-324, 0.0, 0.0, 1000.0))
    def check(contract: tuple[float, ...]) -> None:
        assert is_typed(CALLS[name], contract)

    check()


@pytest.mark.parametrize(
    "contract", [(-1.0, 5e49, 2e-58, 498.0, -2.298, -5.164, 4.32), (-1.0, 100.0, 1e-90, 900.0, -1.0, 0.0, 0.2)]
)
@pytest.mark.parametrize("name", ["price_european", "price_american", "price_with_greeks"])
def test_growth_beyond_a_float_is_refused_and_never_cut_to_its_largest(name: str, contract: tuple[float, ...]) -> None:
    with pytest.raises(PricingError, match="outside what a float64 holds"):
        CALLS[name](*contract)


def test_mutant_a_silent_nan_or_infinity_is_found() -> None:
    contract = (1.0, 100.0, float("nan"), 0.5, 0.03, 0.01, 0.2)
    assert not is_typed(lambda *c: np.sqrt(c[2]), contract)
    assert not is_typed(lambda *_: np.inf, contract)


@settings(max_examples=250, deadline=None)
@given(st.tuples(KINDS, ANY, ANY, ANY, ANY, ANY, ANY))
def test_an_implied_volatility_is_a_number_exactly_where_nothing_is_refused(quote: tuple[float, ...]) -> None:
    found = solve_implied_volatility(*quote)
    assert bool(np.isfinite(found.volatility)) == (found.refusal == 0)
    assert found.refusal != 0 or found.volatility > 0.0


@pytest.mark.parametrize("call", [price_european, price_american, price_one_with_greeks])
@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("kind", 0.0),
        ("kind", 1.5),
        ("spot", 0.0),
        ("spot", -1.0),
        ("strike", float("nan")),
        ("strike", 1e101),
        ("years", -1e-9),
        ("years", float("inf")),
        ("rate", 11.0),
        ("dividend_yield", float("-inf")),
        ("volatility", -0.2),
        ("volatility", float("nan")),
    ],
)
def test_the_bad_argument_is_named(call: Callable[..., object], name: str, bad: float) -> None:
    with pytest.raises(InvalidPricingInput, match=f"row 0, {name} = "):
        call(**{**GOOD, name: bad})


@pytest.mark.parametrize(
    "bad", ["100", None, 1j, True, [1.0, "a"], [[1.0], [1.0, 2.0]], np.array([1], "M8[D]"), 10**400]
)
def test_what_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(InvalidPricingInput, match="spot"):
        price_european(**{**GOOD, "spot": bad})  # type: ignore[arg-type]


def test_shapes_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(InvalidPricingInput, match="do not broadcast"):
        price_european(**{**GOOD, "spot": [1.0, 2.0], "strike": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize("bad", ["spot", None, 10**400])
def test_one_option_without_arrays_refuses_what_is_no_number(bad: object) -> None:
    with pytest.raises(InvalidPricingInput, match="no real number"):
        price_one_with_greeks(1, bad, 110.0, 0.5, 0.03, 0.01, 0.2)  # type: ignore[arg-type]


def draw_anything(count: int, seed: int) -> list[FloatArray]:
    """Columns of every size, one in five of them odd numbers, more of them usable than Hypothesis would draw."""
    rng = np.random.default_rng(seed)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0, 5e-324, 1e-308, 1e308, 1e-100, 1e100])
    columns = []
    for name in NAMES[1:]:
        sizes = np.exp(rng.uniform(-7.0, 7.0, count)), np.exp(rng.uniform(-230.0, 230.0, count))
        choices = [*sizes, rng.uniform(-10.0, 10.0, count), np.exp(rng.uniform(-700.0, 0.0, count))]
        column = np.choose(rng.integers(0, 5, count), [*choices, rng.choice(odd, count)])
        columns.append(column if name in ("rate", "dividend_yield") else np.abs(column))
    return [rng.choice([-1.0, 1.0], count), *columns]


def find_silent(values: FloatArray, refusal: FloatArray) -> int:
    """Rows that were not refused and are no finite number, or were refused and show one."""
    refused = (refusal != Refusal.NONE) & (refusal != Refusal.KINK)
    finite = np.isfinite(values).all(axis=0)
    return int(np.count_nonzero(~finite | (refused & (values != 0.0).any(axis=0))))


def test_a_hundred_thousand_rows_of_anything_hold_no_silent_number() -> None:
    columns = draw_anything(100_000, seed=9)
    european = evaluate_european(*columns)
    greeks = np.stack([getattr(european.greeks, name) for name in GreekNumbers._fields])
    assert find_silent(greeks, european.refusal) == 0
    assert np.count_nonzero(european.refusal == Refusal.NONE) > 10_000
    value, refusal = evaluate_american(*columns)
    assert find_silent(value[None], refusal) == 0
    assert np.count_nonzero(refusal == Refusal.NONE) > 5_000
    kind, *market, price = columns
    implied = solve_implied_volatility(kind, price, *market)
    assert (np.isfinite(implied.volatility) == (implied.refusal == Refusal.NONE)).all()


def test_mutant_an_infinite_row_among_them_is_found() -> None:
    value, refusal = evaluate_american(*draw_anything(1_000, seed=9))
    value[np.flatnonzero(refusal == Refusal.NONE)[0]] = np.inf
    assert find_silent(value[None], refusal) == 1
