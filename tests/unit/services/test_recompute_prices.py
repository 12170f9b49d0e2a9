"""Which rows are recomputed, and that it is the recomputing that finds what is wrong."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.services.option_batches import Bench, make_columns, make_volatility
from tradeops.domain.errors import PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle, PricingModel
from tradeops.domain.service_health import ServiceHealth
from tradeops.pricing.american import evaluate_american
from tradeops.pricing.black_scholes import EuropeanRows, evaluate_european
from tradeops.pricing.closed_form import ReferenceOption
from tradeops.pricing.lattice import evaluate_on_lattice
from tradeops.pricing.option_columns import OptionColumns
from tradeops.pricing.refusals import Refusal
from tradeops.services import option_tasks, recompute_prices, watch_prices
from tradeops.services.recompute_prices import (
    RowArray,
    choose_sample,
    find_wrong_american,
    find_wrong_greeks,
    find_wrong_on_lattice,
)

GOOD = np.ones(1000, dtype=np.bool_)
ASKED, VOLATILITY = make_columns(), make_volatility()


def plant(monkeypatch: pytest.MonkeyPatch, rows: slice) -> None:
    """Make the value of some rows wrong by a millionth."""

    def evaluate(**columns: object) -> EuropeanRows:
        found = evaluate_european(**columns)  # type: ignore[arg-type]
        value = found.greeks.value.copy()
        value[rows] *= 1 + 1e-6
        return replace(found, greeks=replace(found.greeks, value=value))

    monkeypatch.setattr(option_tasks, "evaluate_european", evaluate)


def test_the_same_request_is_checked_in_the_same_rows() -> None:
    assert np.array_equal(choose_sample("a", GOOD, 0.05), choose_sample("a", GOOD, 0.05))
    assert not np.array_equal(choose_sample("a", GOOD, 0.05), choose_sample("b", GOOD, 0.05))


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (1e-9, 1, 1), (0.05, 40, 50), (1.0, 1000, 1000)])
def test_the_share_is_what_is_drawn_and_never_nothing_above_0(share: float, least: int, most: int) -> None:
    assert least <= len(choose_sample("a", GOOD, share)) <= most


def test_rows_without_numbers_are_not_drawn() -> None:
    good = np.arange(1000) % 10 == 0
    assert np.all(good[choose_sample("a", good, 0.5)])
    assert len(choose_sample("a", ~GOOD, 0.5)) == 0


def test_every_row_is_drawn_by_some_request() -> None:
    drawn = {int(place) for number in range(200) for place in choose_sample(f"r{number}", GOOD, 0.05)}
    assert len(drawn) > 990


def test_wrong_rows_outside_the_sample_are_found_once_one_inside_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(share=0.5)
    with bench.service:
        plant(monkeypatch, slice(0, 100))
        found = bench.service.price(ASKED, VOLATILITY, request_id="r")
    near_nothing = (ASKED.spot + ASKED.strike)[:100] * 1e-4  # a millionth of it is below the tolerance
    missed = ~found.verdicts.differs[:100]
    assert np.all(
        evaluate_european(**ASKED.named, volatility=VOLATILITY).greeks.value[:100][missed] < near_nothing[missed]
    )
    assert not found.verdicts.differs[100:].any()


def test_one_good_row_does_not_heal_a_model_that_was_wrong_in_many(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(share=0.5)
    with bench.service as service:
        with monkeypatch.context() as planted:
            plant(planted, slice(0, 100))
            service.price(ASKED, VOLATILITY, request_id="r")
        healths = []
        for rows in (1, len(ASKED) - 2, 1):
            service.price(ASKED.take(np.arange(rows)), VOLATILITY[:rows], request_id="r")
            healths.append(service.health)
    assert healths == [ServiceHealth.DEGRADED, ServiceHealth.DEGRADED, ServiceHealth.HEALTHY]


def test_mutant_a_watch_that_recomputes_nothing_notices_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_prices, "choose_sample", lambda request, good, share: np.flatnonzero(good)[:0])
    bench = Bench(share=0.5)
    with bench.service:
        bench.service._watch._owed.clear()
        bench.service._settle()
        plant(monkeypatch, slice(None))
        bench.service.price(ASKED, VOLATILITY, request_id="r")
        assert bench.service.health is ServiceHealth.HEALTHY


def test_mutant_a_closed_form_that_is_wrong_is_noticed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = recompute_prices.compute_reference
    monkeypatch.setattr(
        recompute_prices, "compute_reference", lambda option: {n: v * (1 + 1e-6) for n, v in compute(option).items()}
    )
    with Bench().service as service:
        assert service.health is ServiceHealth.DEGRADED


@pytest.mark.parametrize("style", list(ExerciseStyle))
@pytest.mark.parametrize("years", [900.0, 0.5])
def test_a_number_where_the_closed_form_has_none_is_wrong(style: ExerciseStyle, years: float) -> None:
    asked = replace(make_columns(1), style=style, kind=np.ones(1), years=np.array([years]), dividend_yield=-np.ones(1))
    volatility = np.array([0.2])
    values = {"value": np.array([compute_value(asked, volatility)])}
    if style is ExerciseStyle.AMERICAN:
        wrong = find_wrong_american(asked, volatility, values["value"], np.array([0]), 1e-10)
    else:
        wrong = find_wrong_greeks(asked, volatility, values, np.array([0]), 1e-10)
    assert len(wrong) == (years == 900.0)


@pytest.mark.parametrize("years", [1e-9, 0.5])
def test_a_number_where_the_lattice_has_none_is_wrong(years: float) -> None:
    asked = replace(make_columns(1), spot=np.array([50.0]), strike=np.array([150.0]), years=np.array([years]))
    columns = {**asked.named, "years": np.array([0.5]), "volatility": np.ones(1)}
    value = evaluate_on_lattice(asked.style, columns)
    wrong = find_wrong_on_lattice(asked, np.ones(1), value[0].value, np.array([0]), 1e-10)
    assert len(wrong) == (years == 1e-9)


BREAKABLE = {  # second formula, and what asks for it
    "compute_reference": (ExerciseStyle.EUROPEAN, PricingModel.CLOSED_FORM),
    "compute_american": (ExerciseStyle.AMERICAN, PricingModel.CLOSED_FORM),
    "compute_on_lattice": (ExerciseStyle.AMERICAN, PricingModel.LATTICE),
}


def break_one_row(monkeypatch: pytest.MonkeyPatch, name: str, strike: float) -> None:
    """Let a second formula fail at one strike as no formula should."""
    compute = getattr(recompute_prices, name)

    def fail(option: ReferenceOption, **named: object) -> object:
        if option.strike == strike:
            raise ZeroDivisionError("nobody thought of it")
        return compute(option, **named)

    monkeypatch.setattr(recompute_prices, name, fail)


@pytest.mark.parametrize("name", BREAKABLE)
def test_a_row_whose_recomputation_fails_is_withheld_and_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    style, model = BREAKABLE[name]
    asked = replace(make_columns(20), style=style)
    with Bench(share=1.0).service as service:
        with monkeypatch.context() as broken:
            break_one_row(broken, name, asked.strike[7])
            found = service.price(asked, VOLATILITY[:20], request_id="r", model=model)
        assert service.health is ServiceHealth.DEGRADED
        assert np.flatnonzero(~found.verdicts.good).tolist() == [7]
        with pytest.raises(PricingModelError, match="second formula"):
            found.read(7)
        assert service.price(asked, VOLATILITY[:20], request_id="r", model=model).verdicts.good.all()
        assert service.health is ServiceHealth.HEALTHY


def test_mutant_a_recomputation_that_lets_its_errors_through_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find(places: RowArray, agrees: Callable[[int], bool]) -> RowArray:
        return np.array([place for place in places if not agrees(int(place))], dtype=np.intp)

    with Bench(share=1.0).service as service:
        monkeypatch.setattr(recompute_prices, "_find_wrong", find)
        break_one_row(monkeypatch, "compute_reference", ASKED.strike[7])
        with pytest.raises(ZeroDivisionError):
            service.price(ASKED, VOLATILITY, request_id="r")


@pytest.mark.parametrize("style", list(ExerciseStyle))
def test_an_option_whose_strike_grows_beyond_all_numbers_is_refused_and_leaves_the_service_trusted(
    style: ExerciseStyle,
) -> None:
    columns = {"spot": 1.8e60, "strike": 1.1e63, "years": 89.7, "rate": -6.9, "dividend_yield": 1.3}
    asked = replace(make_columns(2), style=style, **{name: np.full(2, number) for name, number in columns.items()})
    with Bench(share=1.0).service as service:
        found = service.price(replace(asked, kind=np.array([1.0, -1.0])), np.full(2, 12.8), request_id="r")
        assert found.verdicts.refusal.tolist() == [Refusal.NOT_FINITE] * 2
        assert service.health is ServiceHealth.HEALTHY


def test_a_moment_before_expiry_the_closed_form_has_numbers_too() -> None:
    asked = replace(make_columns(1), spot=np.array([1e-100]), strike=np.array([100.0]), years=np.array([1e-300]))
    with Bench(share=1.0).service as service:
        assert service.price(asked, np.array([1000.0]), request_id="r").verdicts.good.all()


def compute_value(asked: OptionColumns, volatility: FloatArray) -> float:
    """What the closed form says at half a year, whatever the years are."""
    rows = replace(asked, years=np.array([0.5]))
    if asked.style is ExerciseStyle.AMERICAN:
        return float(evaluate_american(**rows.named, volatility=volatility)[0][0])
    return float(evaluate_european(**rows.named, volatility=volatility).greeks.value[0])
