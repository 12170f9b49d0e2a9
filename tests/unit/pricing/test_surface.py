"""Surfaces reproduce clean quotes, never allow arbitrage, and name the quotes that do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pricing.smile_examples import GRID, YEARS, call, judge, make_smile, make_smiles, ssvi, svi
from tradeops.domain.errors import InvalidPricingInput, PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.pricing import fit_essvi
from tradeops.pricing.essvi import EssviSlice
from tradeops.pricing.quote_arbitrage import ViolationKind, find_quote_violations
from tradeops.pricing.smiles import VolatilitySmile
from tradeops.pricing.surface import FittedSurface, VolatilitySurface, fit_surface

SURFACE = VolatilitySurface(
    years=(0.5, 1.0),
    slices=(EssviSlice(theta=0.02, rise=0.05, fall=0.2), EssviSlice(theta=0.04, rise=0.06, fall=0.25)),
)


def bump(smile: VolatilitySmile, place: int, factor: float) -> VolatilitySmile:
    changed = smile.volatilities.copy()
    changed[place] *= factor
    return replace(smile, volatilities=changed)


def worst_miss(fitted: FittedSurface) -> float:
    return max(float(np.abs(miss).max()) for miss in fitted.misses)


@pytest.mark.parametrize(
    ("formula", "most"),
    [(ssvi, 1e-9), (lambda t, k: 0.04 * t + 0 * k, 1e-9), (svi, 0.004)],
    ids=["ssvi", "flat", "svi"],
)
def test_clean_quotes_come_back_and_none_is_named(
    formula: Callable[[float, FloatArray], FloatArray], most: float
) -> None:
    fitted = fit_surface(make_smiles(formula))
    assert fitted.violations == ()
    assert worst_miss(fitted) <= most
    assert judge(fitted.surface, YEARS) == []


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.floats(0.6, 1.6), min_size=5, max_size=5), min_size=1, max_size=4))
def test_no_quotes_lead_to_a_surface_with_arbitrage(noise: list[list[float]]) -> None:
    smiles = [
        make_smile(years, lambda k, years=years, row=row: ssvi(years, k) * np.array(row), count=5)
        for years, row in zip(YEARS, noise, strict=False)
    ]
    assert judge(fit_surface(smiles).surface, YEARS[: len(noise)]) == []


@pytest.mark.parametrize("expiry", [0, 3, 5])
@pytest.mark.parametrize("place", [1, 5, 9])
def test_a_planted_butterfly_is_named_by_expiry_and_strike(expiry: int, place: int) -> None:
    smiles = make_smiles(ssvi, YEARS)
    smiles[expiry] = bump(smiles[expiry], place, 1.3)
    fitted = fit_surface(smiles)
    named = [v for v in fitted.violations if v.kind is ViolationKind.BUTTERFLY]
    assert [(v.expiry, v.strike) for v in named] == [(smiles[expiry].expiry, smiles[expiry].strikes[place])]
    assert f"butterfly: {smiles[expiry].expiry} strike" in str(named[0])
    assert judge(fitted.surface, YEARS) == []


def test_a_planted_calendar_spread_is_named_at_each_strike() -> None:
    smiles = make_smiles(ssvi)
    smiles[3] = replace(smiles[3], volatilities=smiles[3].volatilities * 0.6)  # half the variance of 0.25 years' double
    fitted = fit_surface(smiles)
    assert {(v.kind, v.expiry, v.against) for v in fitted.violations} == {
        (ViolationKind.CALENDAR, smiles[2].expiry, smiles[3].expiry)
    }
    middle = smiles[2].strikes[6]  # the forward
    assert middle in [v.strike for v in fitted.violations]
    assert f"dearer than the same moneyness of {smiles[3].expiry}" in str(fitted.violations[0])
    assert judge(fitted.surface, YEARS) == []


def test_amounts_are_what_the_arbitrage_earns() -> None:
    smile = bump(make_smile(1.0, lambda k: 0.04 + 0 * k, forward=50.0), 6, 1.2)
    (found,) = find_quote_violations([smile])
    x = smile.strikes[5:8] / 50
    low, middle, high = (call(k, v, 1.0) for k, v in zip(np.log(x), smile.volatilities[5:8], strict=True))
    share = (x[1] - x[0]) / (x[2] - x[0])
    assert found.amount == pytest.approx(50 * (middle - (1 - share) * low - share * high), rel=1e-9)


def test_tolerance_lets_rounded_quotes_pass() -> None:
    smiles = make_smiles(ssvi)
    smiles[2] = bump(smiles[2], 5, 1.002)
    assert find_quote_violations(smiles, tolerance=0.01) == ()


def test_between_expiries_and_before_the_first_nothing_jumps() -> None:
    for years in (0.5, 1.0):
        below, at = (SURFACE.volatility(GRID, t) for t in (years * (1 - 1e-9), years))
        assert np.allclose(below, at, rtol=0, atol=1e-7)
    assert np.all(np.isfinite(SURFACE.volatility(GRID, 1e-6)))


@pytest.mark.parametrize("years", [0.0, -1.0, 1.0001, float("nan"), float("inf")])
def test_beyond_the_quotes_there_is_no_number(years: float) -> None:
    with pytest.raises(InvalidPricingInput, match="outside the quoted surface"):
        SURFACE.volatility(GRID, years)


@pytest.mark.parametrize("k", [float("nan"), float("inf"), float("-inf")])
def test_moneyness_that_is_no_number_is_refused(k: float) -> None:
    with pytest.raises(InvalidPricingInput, match="log-moneyness must be finite"):
        SURFACE.volatility(np.array([0.0, k]), 1.0)


@pytest.mark.parametrize("name", ["strikes", "volatilities", "errors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_quotes_that_are_no_positive_numbers_are_refused_by_place(name: str, value: float) -> None:
    smile = make_smile(0.5, lambda k: 0.02 + 0 * k)
    column = getattr(smile, name).copy()
    column[4] = value
    with pytest.raises(InvalidPricingInput, match=f"{name} of smile 2026-07-03 .* at number 4"):
        replace(smile, **{name: column})


def test_smiles_that_are_too_short_or_out_of_order_are_refused() -> None:
    near, far = make_smiles(ssvi, (0.1, 0.2))
    with pytest.raises(InvalidPricingInput, match="has 2 quotes; give at least 3"):
        replace(near, strikes=near.strikes[:2], volatilities=near.volatilities[:2], errors=near.errors[:2])
    with pytest.raises(InvalidPricingInput, match="must increase"):
        replace(near, strikes=near.strikes[::-1])
    with pytest.raises(InvalidPricingInput, match="years and forward above 0"):
        replace(near, forward=float("nan"))
    for wrong in ([], [far, near], [near, near]):
        with pytest.raises(InvalidPricingInput):
            fit_surface(wrong)


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.1, 0.1), (0.04, 4.1, 0.1), (0.04, -0.1, 0.1), (0.001, 0.5, 0.5), (float("nan"), 0.1, 0.1)]
)
def test_slices_that_allow_butterflies_cannot_be_made(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(PricingModelError, match="allows butterfly arbitrage"):
        EssviSlice(theta=numbers[0], rise=numbers[1], fall=numbers[2])


def test_slices_that_cross_make_no_surface() -> None:
    with pytest.raises(PricingModelError, match=r"slices at 0\.5 and 1 years allow calendar arbitrage"):
        replace(SURFACE, slices=SURFACE.slices[::-1])


def test_mutant_slices_that_cross_are_seen_by_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EssviSlice, "stays_below", lambda self, later: True)
    assert "calendar at 1" in judge(replace(SURFACE, slices=SURFACE.slices[::-1]), SURFACE.years)


def test_mutant_a_slice_that_is_too_steep_is_seen_by_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EssviSlice, "__post_init__", lambda self: None)
    steep = VolatilitySurface(years=(1.0,), slices=(EssviSlice(theta=0.01, rise=0.6, fall=0.6),))
    assert "butterfly at 1" in judge(steep, (1.0,))


def test_mutant_a_fit_that_ignores_the_expiry_before_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    place = fit_essvi._place
    monkeypatch.setattr(fit_essvi, "_place", lambda unknowns, below: place(unknowns, None))
    smiles = make_smiles(ssvi)
    smiles[3] = replace(smiles[3], volatilities=smiles[3].volatilities * 0.6)
    with pytest.raises(PricingModelError, match="allow calendar arbitrage"):
        fit_surface(smiles)
