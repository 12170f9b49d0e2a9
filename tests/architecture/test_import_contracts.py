"""The import contracts hold, each can be broken, and no package stands outside them."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT

BREAKS = {
    "Each row may call only the rows below it": ("include/tradeops/domain/x.py", "import tradeops.services"),
    "LangGraph lives in graphs only": ("include/tradeops/services/x.py", "import langgraph.graph"),
    "Airflow lives at the edge only": ("include/tradeops/bootstrap/x.py", "import airflow.sdk"),
    "Databases, brokers and registries are known to adapters only": ("agents/x.py", "import sqlalchemy"),
    "Adapters do not know each other": ("include/tradeops/adapters/x.py", "import tradeops.adapters.value_store_files"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("contracts")
    shutil.copy(ROOT / "pyproject.toml", target)
    for folder in ("include", "agents", "graphs"):
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def lint(tree: Path) -> set[str]:
    """Names of the contracts that are broken in a tree."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tree / 'include'}:{tree}", "COLUMNS": "200"}
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--config", "pyproject.toml"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", done.stdout, re.MULTILINE))
    assert set(verdicts) == set(BREAKS), done.stdout + done.stderr
    return {name for name, verdict in verdicts.items() if verdict == "BROKEN"}


def test_contracts_hold(copy: Path) -> None:
    assert lint(copy) == set()


@pytest.mark.parametrize("contract", BREAKS)
def test_mutant_each_contract_can_be_broken(copy: Path, contract: str) -> None:
    path, code = BREAKS[contract]
    (copy / path).write_text(f"{code}\n")
    try:
        assert contract in lint(copy)
    finally:
        (copy / path).unlink()


def find_outsiders(children: Iterable[str], layers: Iterable[str]) -> set[str]:
    placed = {name.strip() for row in layers for name in row.split("|")}
    return {child for child in children if f"tradeops.{child}" not in placed}


def _list_children() -> set[str]:
    folder = ROOT / "include/tradeops"
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__"}


def _list_layers() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers: list[str] = next(c for c in contracts if c["type"] == "layers")["layers"]
    return layers


def test_every_child_of_tradeops_stands_in_a_row() -> None:
    assert find_outsiders(_list_children(), _list_layers()) == set()


def test_mutant_a_package_outside_the_rows_is_found() -> None:
    assert find_outsiders({*_list_children(), "common"}, _list_layers()) == {"common"}


def test_no_package_is_a_drawer() -> None:
    drawers = {"common", "utils", "core", "lib", "helpers"}
    names = {path.stem for folder in ("include", "agents", "graphs") for path in (ROOT / folder).rglob("*")}
    assert names & drawers == set()
