"""The pricing service: it answers, watches itself, and is degraded when it should be."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonjsonlogger.json import JsonFormatter

from tests.unit.services.option_batches import Bench, make_columns, make_volatility
from tradeops.domain.errors import (
    CircuitOpen,
    ConfigurationError,
    IllegalTransition,
    InvalidPricingInput,
    PricingError,
    PricingModelError,
)
from tradeops.domain.options import ExerciseStyle, PricingModel
from tradeops.domain.service_health import ServiceHealth
from tradeops.pricing.american_greeks import evaluate_american_greeks
from tradeops.pricing.black_scholes import EuropeanRows, GreekColumns, evaluate_european
from tradeops.pricing.implied_volatility import solve_implied_volatility
from tradeops.pricing.lattice import LatticeColumns, evaluate_on_lattice
from tradeops.pricing.refusals import RefusalArray
from tradeops.services import option_tasks
from tradeops.services.watch_prices import WatchLimits
from tradeops.telemetry import PRICING

ASKED, VOLATILITY = make_columns(), make_volatility()
GREEKS = [field.name for field in fields(GreekColumns)]
STRANGE = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, -1.0, 1e-320, 1e308, 1e-100, 1e100, 10.0, -10.0, 1e3]),
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.service:
        yield bench


def plant(monkeypatch: pytest.MonkeyPatch, name: str, error: float) -> None:
    """Make the kernel's column wrong in every row by a share of itself."""

    def evaluate(**columns: object) -> EuropeanRows:
        rows = evaluate_european(**columns)  # type: ignore[arg-type]
        return replace(rows, greeks=replace(rows.greeks, **{name: getattr(rows.greeks, name) * (1 + error)}))

    monkeypatch.setattr(option_tasks, "evaluate_european", evaluate)


def fail(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the kernel raise what no caller can have caused; count how often it was asked."""
    calls: list[int] = []

    def evaluate(**columns: object) -> EuropeanRows:
        calls.append(1)
        raise MemoryError("no room")

    monkeypatch.setattr(option_tasks, "evaluate_european", evaluate)
    return calls


def test_it_answers_only_between_start_and_stop() -> None:
    service = Bench().service
    assert service.health is ServiceHealth.STOPPED
    with pytest.raises(PricingError, match="stopped; start it"):
        service.price(ASKED, VOLATILITY, request_id="r")
    with service:
        assert service.health is ServiceHealth.HEALTHY
        with pytest.raises(IllegalTransition):
            service.start()
    assert service.health is ServiceHealth.STOPPED
    with pytest.raises(IllegalTransition):
        service.stop()


def test_a_start_recomputes_every_row_of_each_model() -> None:
    bench = Bench(share=0.0)
    with bench.service:
        assert bench.total("greeks_checked_rows") == bench.total("greeks_rows") > 0


def test_every_row_is_a_value_with_invariants(bench: Bench) -> None:
    found = bench.service.price(ASKED, VOLATILITY, request_id="r")
    greeks = [found.read(row) for row in range(len(ASKED))]
    assert [one.kind.sign for one in greeks] == list(ASKED.kind)
    assert [one.value for one in greeks] == list(found.greeks.value)


def test_implied_volatility_gives_the_volatility_back(bench: Bench) -> None:
    price = bench.service.price(ASKED, VOLATILITY, request_id="r").greeks.value
    found = bench.service.imply(ASKED, price, request_id="r")
    again = bench.service.price(ASKED, np.where(found.verdicts.good, found.volatility, 0.1), request_id="r")
    near = np.abs(again.greeks.value - price) <= 1e-10 * ASKED.spot
    assert np.all(near[found.verdicts.good])
    assert np.mean(found.verdicts.good) >= 0.95  # the others are in the money without time value left


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_a_row_holds_it_has_numbers_or_an_error_and_harms_no_other(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(ASKED) - 1))
    columns = {name: column.copy() for name, column in ASKED.named.items()}
    volatility = VOLATILITY.copy()
    for name in data.draw(st.sets(st.sampled_from([*columns, "volatility"]), min_size=1)):
        (volatility if name == "volatility" else columns[name])[place] = data.draw(STRANGE)
    found = SHARED.service.price(replace(ASKED, **columns), volatility, request_id="r")
    try:
        found.read(place)
    except PricingError as error:
        assert len(str(error)) > 20
    else:
        assert all(np.isfinite(getattr(found.greeks, name)[place]) for name in GREEKS)
    others = np.arange(len(ASKED)) != place
    assert np.all(found.verdicts.good[others])
    assert np.array_equal(found.greeks.value[others], CLEAN.greeks.value[others])


SHARED = Bench()
SHARED.service.start()
CLEAN = SHARED.service.price(ASKED, VOLATILITY, request_id="r")


@pytest.mark.parametrize("name", ["spot", "strike", "years", "rate", "dividend_yield", "volatility"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -11.0, 1e300])
def test_a_bad_number_is_refused_by_the_name_of_its_column(bench: Bench, name: str, value: float) -> None:
    columns, volatility = {key: column.copy() for key, column in ASKED.named.items()}, VOLATILITY.copy()
    (volatility if name == "volatility" else columns[name])[3] = value
    found = bench.service.price(replace(ASKED, **columns), volatility, request_id="r")
    with pytest.raises(InvalidPricingInput, match=name) as refused:
        found.read(3)
    assert refused.value.context["field"] == name
    assert all(np.isnan(getattr(found.greeks, greek)[3]) for greek in GREEKS)
    assert bench.measure("greeks_rows")[-1][0]["outcome"] in ("priced", "refused")


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(InvalidPricingInput, match="differ in shape"):
        replace(ASKED, spot=ASKED.spot[:-1])


@pytest.mark.parametrize("wrong", [0.2, VOLATILITY[:1], VOLATILITY[:-1], VOLATILITY[:, None]])
def test_volatilities_and_prices_that_are_not_one_an_option_are_refused(bench: Bench, wrong: object) -> None:
    with pytest.raises(InvalidPricingInput, match="volatility has shape"):
        bench.service.price(ASKED, wrong, request_id="r")  # type: ignore[arg-type]
    with pytest.raises(InvalidPricingInput, match="price has shape"):
        bench.service.imply(ASKED, wrong, request_id="r")  # type: ignore[arg-type]


def test_a_style_that_is_only_a_word_is_refused_and_not_taken_as_european() -> None:
    with pytest.raises(InvalidPricingInput, match="style is an ExerciseStyle, not 'american'"):
        replace(ASKED, style="american")  # type: ignore[arg-type]


def test_an_empty_batch_is_answered(bench: Bench) -> None:
    found = bench.service.price(make_columns(0), make_volatility(0), request_id="r")
    assert len(found.greeks.value) == 0


@pytest.mark.parametrize("name", GREEKS)
def test_mutant_a_kernel_wrong_by_a_millionth_degrades_and_is_withheld(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plant(monkeypatch, name, 1e-6)
    found = bench.service.price(ASKED, VOLATILITY, request_id="r")
    assert bench.service.health is ServiceHealth.DEGRADED
    wrong = int(found.verdicts.differs.sum())
    assert wrong >= 0.9 * len(ASKED)  # a Greek far below its own scale may be as good as right
    assert bench.total("greeks_check_differences") == wrong
    row = int(np.flatnonzero(found.verdicts.differs)[0])
    assert np.isnan(found.greeks.value[row])
    with pytest.raises(PricingModelError, match="its second formula disagree here"):
        found.read(row)


def test_mutant_a_kernel_that_is_wrong_from_the_beginning_starts_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "value", 1e-6)
    bench = Bench()
    with bench.service:
        assert bench.service.health is ServiceHealth.DEGRADED


def test_mutant_wrong_implied_volatilities_degrade(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    price = bench.service.price(ASKED, VOLATILITY, request_id="r").greeks.value

    def solve(**columns: object) -> object:
        found = solve_implied_volatility(**columns)  # type: ignore[arg-type]
        return replace(found, volatility=found.volatility + 1e-6)

    monkeypatch.setattr(option_tasks, "solve_implied_volatility", solve)
    found = bench.service.imply(ASKED, price, request_id="r")
    assert bench.service.health is ServiceHealth.DEGRADED
    assert found.verdicts.differs.sum() > 150
    assert np.all(np.isnan(found.volatility[found.verdicts.differs]))


def test_a_difference_below_the_tolerance_is_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "value", 1e-12)
    bench.service.price(ASKED, VOLATILITY, request_id="r")
    assert bench.service.health is ServiceHealth.HEALTHY


def test_a_degraded_service_recomputes_all_until_a_batch_agrees(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as planted:
        plant(planted, "value", 1e-6)
        bench.service.price(ASKED, VOLATILITY, request_id="r")
    before = bench.total("greeks_checked_rows")
    found = bench.service.price(ASKED, VOLATILITY, request_id="r")
    assert bench.total("greeks_checked_rows") - before == len(ASKED)
    assert bench.service.health is ServiceHealth.HEALTHY
    assert np.all(found.verdicts.good)


def test_a_clean_batch_of_another_model_does_not_heal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    price = bench.service.price(ASKED, VOLATILITY, request_id="r").greeks.value
    plant(monkeypatch, "value", 1e-6)
    bench.service.price(ASKED, VOLATILITY, request_id="r")
    bench.service.imply(ASKED, price, request_id="r")
    assert bench.service.health is ServiceHealth.DEGRADED


def test_a_kernel_that_fails_is_left_in_peace_and_then_probed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as planted:
        calls = fail(planted)
        for _ in range(3):
            with pytest.raises(PricingModelError, match="failed with MemoryError: no room"):
                bench.service.price(ASKED, VOLATILITY, request_id="r")
        assert bench.service.health is ServiceHealth.DEGRADED
        with pytest.raises(CircuitOpen):
            bench.service.price(ASKED, VOLATILITY, request_id="r")
        assert len(calls) == 3
    with pytest.raises(CircuitOpen):
        bench.service.price(ASKED, VOLATILITY, request_id="r")
    bench.clock.now += 10
    bench.service.price(ASKED, VOLATILITY, request_id="r")
    assert bench.service.health is ServiceHealth.HEALTHY


def test_a_kernel_that_fails_at_the_start_leaves_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch)
    service = Bench().service
    with pytest.raises(PricingModelError):
        service.start()
    assert service.health is ServiceHealth.STOPPED


def test_each_batch_is_timed_by_model_and_option_type() -> None:
    bench = Bench()
    with bench.service:
        for kind, name in ((1.0, "call"), (-1.0, "put"), (None, "mixed")):
            asked = ASKED if kind is None else replace(ASKED, kind=np.full(len(ASKED), kind))
            before = dict((a["option_type"], s) for a, s in bench.measure("greeks_calculation_latency_seconds")
                          if str(a["model_version"]).startswith("black_scholes_merton/"))  # fmt: skip
            bench.service.price(asked, VOLATILITY, request_id="r")
            after = dict((a["option_type"], s) for a, s in bench.measure("greeks_calculation_latency_seconds")
                         if str(a["model_version"]).startswith("black_scholes_merton/"))  # fmt: skip
            assert {key for key in after if after[key] != before.get(key)} == {name}
            assert after[name] > 0


def test_each_batch_is_one_line_of_the_log_and_no_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = collect_log(monkeypatch)
    bench = Bench()
    asked = replace(ASKED, spot=np.where(np.arange(len(ASKED)) == 1, np.nan, ASKED.spot))
    with bench.service:
        lines.clear()
        bench.service.price(asked, VOLATILITY, request_id="r-17")
        (line,) = lines
    assert len(line) < 4_000
    told = json.loads(line, parse_constant=refuse_constant)
    assert (told["request_id"], told["rows"], told["refused"]) == ("r-17", 200, 1)
    assert told["model_version"].startswith("black_scholes_merton/")
    assert told["microseconds"] == pytest.approx(1000, abs=1)
    assert told["inputs"]["spot"] == [ASKED.spot[0], None, ASKED.spot[2]]
    assert told["outputs"]["value"][1] is None
    assert told["outputs"]["value"][0] == CLEAN.greeks.value[0]


def test_a_difference_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = collect_log(monkeypatch)
    plant(monkeypatch, "delta", 1e-6)
    with Bench().service as service:
        service.price(ASKED, VOLATILITY, request_id="r")
    assert any(json.loads(line)["levelname"] == "WARNING" and json.loads(line)["differences"] > 100 for line in lines)


@pytest.mark.parametrize(
    "limits", [{"check_share": -0.1}, {"check_share": 1.1}, {"tolerance": 0.0}, {"tolerance": float("nan")}]
)
def test_limits_that_mean_nothing_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="check share"):
        WatchLimits(**limits)


def collect_log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter(["levelname", "message"]).format(record))

    monkeypatch.setattr(PRICING, "handlers", [Collector()])
    monkeypatch.setattr(PRICING, "level", logging.INFO)
    monkeypatch.setattr(PRICING, "_cache", {})
    return lines


def refuse_constant(name: str) -> Callable[[str], float]:
    raise AssertionError(f"{name} is no JSON")


AMERICAN = replace(make_columns(60), style=ExerciseStyle.AMERICAN)


def test_american_options_are_worth_no_less_than_european_ones(bench: Bench) -> None:
    found = bench.service.price(AMERICAN, VOLATILITY[:60], request_id="r")
    european = bench.service.price(replace(AMERICAN, style=ExerciseStyle.EUROPEAN), VOLATILITY[:60], request_id="r")
    assert all(found.read(row).value >= european.read(row).value for row in range(60))
    assert found.verdicts.model_version.startswith("bjerksund_stensland_2002/")


def test_mutant_a_wrong_american_kernel_degrades(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(columns: dict[str, object]) -> EuropeanRows:
        rows = evaluate_american_greeks(columns)  # type: ignore[arg-type]
        return replace(rows, greeks=replace(rows.greeks, value=rows.greeks.value * (1 + 1e-6)))

    monkeypatch.setattr(option_tasks, "evaluate_american_greeks", evaluate)
    found = bench.service.price(AMERICAN, VOLATILITY[:60], request_id="r")
    assert bench.service.health is ServiceHealth.DEGRADED
    assert found.verdicts.differs.sum() >= 40


LATTICE = PricingModel.LATTICE


@pytest.mark.parametrize("style", list(ExerciseStyle))
def test_on_the_lattice_rows_have_its_greeks_and_are_near_the_closed_form(bench: Bench, style: ExerciseStyle) -> None:
    asked = replace(AMERICAN, style=style)
    found = bench.service.price(asked, VOLATILITY[:60], request_id="r", model=LATTICE)
    closed = bench.service.price(asked, VOLATILITY[:60], request_id="r")
    rows = [found.read(row) for row in range(60)]
    assert all(one.vanna is one.volga is one.charm is None for one in rows)
    higher = np.array([one.value for one in rows]) - closed.greeks.value
    assert higher.min() > -2e-2
    assert (higher.max() > 0.2) == (style is ExerciseStyle.AMERICAN)
    assert found.verdicts.model_version.startswith("leisen_reimer_501/")
    assert bench.service.health is ServiceHealth.HEALTHY


def test_the_lattice_is_named_in_the_log_and_in_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = collect_log(monkeypatch)
    bench = Bench()
    with bench.service:
        lines.clear()
        found = bench.service.price(AMERICAN, VOLATILITY[:60], request_id="r", model=LATTICE)
    version = found.verdicts.model_version
    assert json.loads(lines[0])["model_version"] == version
    assert version in {a["model_version"] for a, _ in bench.measure("greeks_calculation_latency_seconds")}


def test_mutant_a_wrong_lattice_degrades(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(*asked: object) -> tuple[LatticeColumns, RefusalArray]:
        found, refusal = evaluate_on_lattice(*asked)  # type: ignore[arg-type]
        return replace(found, value=found.value * (1 + 1e-6)), refusal

    monkeypatch.setattr(option_tasks, "evaluate_on_lattice", evaluate)
    found = bench.service.price(AMERICAN, VOLATILITY[:60], request_id="r", model=LATTICE)
    assert bench.service.health is ServiceHealth.DEGRADED
    assert found.verdicts.differs.sum() >= 40


def test_a_model_that_is_only_a_word_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidPricingInput, match="model is a PricingModel, not 'lattice'"):
        bench.service.price(AMERICAN, VOLATILITY[:60], request_id="r", model="lattice")  # type: ignore[arg-type]


def test_implied_volatilities_of_american_options_are_refused(bench: Bench) -> None:
    with pytest.raises(InvalidPricingInput, match="of European options"):
        bench.service.imply(AMERICAN, VOLATILITY[:60], request_id="r")
