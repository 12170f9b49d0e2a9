"""The list of goals is complete, and a figure is only called met when it is."""

import tomllib
from typing import Any

import pytest

from benchmarks.__main__ import GOALS, describe
from benchmarks.measuring import Measured, interleave, median_ratio, quantile

FIGURES: list[dict[str, Any]] = tomllib.loads(GOALS.read_text())["figure"]
LOWER = {"name": "a", "title": "a figure", "unit": "us", "goal": 100, "better": "lower", "module": "a"}
HIGHER = {**LOWER, "better": "higher"}


def test_every_figure_has_a_name_a_goal_and_a_module_that_exists() -> None:
    assert len({figure["name"] for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert figure.keys() - {"module"} == {"name", "title", "unit", "goal", "better"}
        assert figure["better"] in ("lower", "higher")
        assert "module" not in figure or (GOALS.parent / f"{figure['module']}.py").is_file()


@pytest.mark.parametrize(
    ("figure", "value", "verdict"),
    [(LOWER, 100, "met"), (LOWER, 100.1, "not met"), (HIGHER, 100, "met"), (HIGHER, 99.9, "not met")],
)
def test_met_or_not(figure: dict[str, Any], value: float, verdict: str) -> None:
    line = describe(figure, Measured(value, "beside something"))
    assert f"  {verdict} " in line and f"{value / 100:.2f}" in line and "beside something" in line


def test_what_was_not_measured_says_so() -> None:
    assert "not run" in describe(LOWER, None)
    assert "not built" in describe({k: v for k, v in LOWER.items() if k != "module"}, None)


def test_what_cannot_be_measured_here_has_a_reason_and_no_figure() -> None:
    line = describe(LOWER, Measured(None, "a peer cannot be installed here"))
    assert "not run" in line and " met" not in line and line.endswith("a peer cannot be installed here")


def test_rounds_are_interleaved_and_warmed_up() -> None:
    seen: list[str] = []
    found = interleave({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, 2, rounds=5)
    assert "".join(seen) == "aabb" * 6
    assert [len(seconds) for seconds in found["a"]] == [2] * 5


def test_quantiles_and_ratios_by_hand() -> None:
    rounds = [[3.0, 1.0, 2.0, 4.0], [30.0, 10.0, 20.0, 40.0], [5.0, 5.0, 5.0, 5.0]]
    assert quantile(rounds, 0.5) == 5.0
    assert quantile(rounds, 0.99) == 5.0
    assert median_ratio([[2.0], [9.0], [4.0]], [[1.0], [3.0], [1.0]]) == 3.0
