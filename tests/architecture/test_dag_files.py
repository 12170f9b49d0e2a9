"""Parsing a DAG file imports nothing heavy and takes little time: it is done again and again."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, list_imports, read_modules

HEAVY = (
    "lightgbm", "mlflow", "langgraph", "pandas", "polars", "sklearn", "numba", "scipy",
    "exchange_calendars", "tradeops.bootstrap", "tradeops.services", "tradeops.adapters", "graphs", "agents",
)  # fmt: skip
ALLOWED = ("airflow.", "tradeops.entrypoints.airflow.", "datetime.", "typing.")
MOST_SECONDS = 1.0
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
PARSE = """
import importlib.util, json, sys, time
import airflow.sdk
from airflow.sdk.exceptions import AirflowException
before, started = set(sys.modules), time.process_time()
spec = importlib.util.spec_from_file_location("parsed", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps({"seconds": time.process_time() - started, "modules": sorted(set(sys.modules) - before)}))
"""


def parse(file: Path, home: Path) -> tuple[float, list[str]]:
    """CPU seconds and heavy modules of one parse in a fresh process that holds only Airflow."""
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(file)], env=environment, capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout.splitlines()[-1])
    heavy = {name for module in result["modules"] for name in HEAVY if f"{module}.".startswith(f"{name}.")}
    return result["seconds"], sorted(heavy)


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_dag_files_parse_lightly(file: Path, tmp_path: Path) -> None:
    seconds, heavy = parse(file, tmp_path)
    assert heavy == []
    assert seconds <= MOST_SECONDS


@pytest.mark.parametrize(
    ("line", "found"), [("import pandas", "pandas"), ("import tradeops.services.decide_sessions", "tradeops.services")]
)
def test_mutant_a_heavy_import_is_found(line: str, found: str, tmp_path: Path) -> None:
    file = tmp_path / "replay_history.py"
    file.write_text(f"{line}\n{(ROOT / 'dags/replay_history.py').read_text()}")
    assert found in parse(file, tmp_path)[1]


def list_strange_imports(text: str) -> list[str]:
    """Module-level imports that a DAG file may not have."""
    body = ast.parse(text).body
    top = ast.Module([node for node in body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    return [name for name, _ in list_imports(top) if not name.startswith(ALLOWED)]


def test_dag_files_import_only_the_edge_at_module_level() -> None:
    strange = {module.path: list_strange_imports(module.text) for module in read_modules("dags")}
    assert {path: names for path, names in strange.items() if names} == {}


def test_mutant_an_import_beyond_the_edge_is_found() -> None:
    assert list_strange_imports("from tradeops.settings import load_settings\n") == ["tradeops.settings.load_settings"]
    assert list_strange_imports("def f():\n    import tradeops.settings\n") == []
