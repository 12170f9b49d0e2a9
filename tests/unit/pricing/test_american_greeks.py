"""American Greeks have the signs of their kind, agree with the lattice, and meet the European ones where they must."""

from dataclasses import fields

import numpy as np
import pytest

from tests.unit.services.option_batches import make_columns, make_volatility
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing import american_closed_form
from tradeops.pricing.american import evaluate_american
from tradeops.pricing.american_closed_form import compute_american
from tradeops.pricing.american_greeks import evaluate_american_greeks
from tradeops.pricing.black_scholes import GreekColumns, evaluate_european
from tradeops.pricing.closed_form import ReferenceOption
from tradeops.pricing.lattice import price_on_lattice

ROWS = 150
COLUMNS = {**make_columns(ROWS, style=ExerciseStyle.AMERICAN).named, "volatility": make_volatility(ROWS)}
NAMES = [field.name for field in fields(GreekColumns)]


def list_references(columns: dict[str, FloatArray]) -> list[ReferenceOption]:
    rows = zip(*columns.values(), strict=True)
    return [ReferenceOption(int(kind), *map(float, others)) for kind, *others in rows]  # type: ignore[call-arg]


def test_values_are_those_of_the_closed_form_written_apart() -> None:
    values, refusal = evaluate_american(**COLUMNS)
    assert not refusal.any()
    for value, option in zip(values, list_references(COLUMNS), strict=True):
        reference = compute_american(option)
        assert abs(value - reference.value) <= 1e-11 * (option.spot + option.strike) + reference.rounding


def test_mutant_a_boundary_that_is_off_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(american_closed_form, "EARLY", american_closed_form.EARLY * 1.0001)
    values, _ = evaluate_american(**COLUMNS)
    references = [compute_american(option).value for option in list_references(COLUMNS)]
    assert np.sum(np.abs(values - references) > 1e-8) > 20


def test_signs_are_those_of_the_kind() -> None:
    found = evaluate_american_greeks(COLUMNS).greeks
    steep = COLUMNS["kind"] * found.delta
    assert steep.min() >= -1e-9
    assert steep.max() <= 1 + 1e-9
    assert found.gamma.min() >= 0
    assert found.vega.min() >= 0


def test_slopes_are_near_those_of_the_lattice() -> None:
    rows = {name: column[:40] for name, column in COLUMNS.items()}
    found = evaluate_american_greeks(rows).greeks
    lattice = price_on_lattice(style=ExerciseStyle.AMERICAN, steps=301, **rows)  # type: ignore[arg-type]
    for name, most in (("delta", 0.03), ("vega", 4.0), ("gamma", 0.004), ("theta", 1.0)):
        difference = np.abs(getattr(found, name) - getattr(lattice, name))
        assert np.median(difference) <= most / 10, name
        assert np.quantile(difference, 0.9) <= most, name


def test_where_exercise_never_pays_and_at_expiry_they_are_the_european_ones() -> None:
    never = {**COLUMNS, "dividend_yield": np.where(COLUMNS["kind"] > 0, 0.0, 0.02),
             "rate": np.where(COLUMNS["kind"] > 0, 0.03, 0.0)}  # fmt: skip
    for columns in (never, {**COLUMNS, "years": np.zeros(ROWS)}):
        found, exact = evaluate_american_greeks(columns), evaluate_european(**columns)
        assert all(np.array_equal(getattr(found.greeks, name), getattr(exact.greeks, name)) for name in NAMES)


@pytest.mark.parametrize("name", list(COLUMNS))
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e9])
def test_a_bad_row_is_refused_and_harms_no_other(name: str, value: float) -> None:
    column = COLUMNS[name].copy()
    column[5] = value
    found, clean = evaluate_american_greeks({**COLUMNS, name: column}), evaluate_american_greeks(COLUMNS)
    assert found.refusal[5]
    assert np.count_nonzero(found.refusal) == 1
    others = np.arange(ROWS) != 5
    assert all(np.array_equal(getattr(found.greeks, n)[others], getattr(clean.greeks, n)[others]) for n in NAMES)
