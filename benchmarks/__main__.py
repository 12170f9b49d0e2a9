"""`python -m benchmarks [MODULE …]`: goal, measured, ratio and met of every figure in goals.toml."""

import os
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured

GOALS = Path(__file__).parent / "goals.toml"
LINE = "{:<78} {:>13} {:>13} {:>7}  {:<9} {}"


def main(chosen: list[str]) -> None:
    """Measure module by module and print a line a figure."""
    figures = tomllib.loads(GOALS.read_text())["figure"]
    measured: dict[str, Measured] = {}
    for module in dict.fromkeys(f["module"] for f in figures if "module" in f):
        if not chosen or module in chosen:
            measured.update(import_module(f"benchmarks.{module}").measure())
    print(LINE.format("figure", "goal", "measured", "ratio", "met", ""))
    for figure in figures:
        print(describe(figure, measured.get(figure["name"])).rstrip())


def describe(figure: dict[str, Any], found: Measured | None) -> str:
    """One line: measured over goal, and whether that is met."""
    sign = "<=" if figure["better"] == "lower" else ">="
    goal = f"{sign} {figure['goal']:,} {figure['unit']}".rstrip()
    if found is None:
        return LINE.format(figure["title"], goal, "-", "-", "not run" if "module" in figure else "not built", "")
    if found.value is None:
        return LINE.format(figure["title"], goal, "-", "-", "not run", found.note)
    met = found.value <= figure["goal"] if sign == "<=" else found.value >= figure["goal"]
    value = f"{found.value:,.{0 if found.value >= 1000 else 2}f} {figure['unit']}"
    ratio = f"{found.value / figure['goal']:.2f}" if figure["goal"] else ""
    return LINE.format(figure["title"], goal, value, ratio, "met" if met else "not met", found.note)


if __name__ == "__main__":
    # The decision path runs on one numeric thread, and numpy reads this when it is loaded.
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]])  # noqa: S606
    main(sys.argv[1:])
