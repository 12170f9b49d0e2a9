"""Seconds to parse each DAG file in a process of its own that has Airflow's SDK loaded already."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.measuring import Measured

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
PARSE = """
import runpy, sys, time
import airflow.sdk
started = time.perf_counter()
runpy.run_path(sys.argv[1])
print(time.perf_counter() - started)
"""


def parse_once(path: Path, home: str) -> float:
    """Seconds of one parse.

    Raises:
        subprocess.CalledProcessError: The file does not parse.
    """
    environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(  # noqa: S603 - our own interpreter and files
        [sys.executable, "-c", PARSE, str(path)], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def measure() -> dict[str, Measured]:
    """The slowest file's median; files are taken in turn."""
    paths = sorted((ROOT / "dags").glob("*.py"))
    seconds: dict[str, list[float]] = {path.name: [] for path in paths}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(ROUNDS):
            for path in paths:
                seconds[path.name].append(parse_once(path, home))
    each = {name: median(found) for name, found in seconds.items()}
    slowest = max(each, key=lambda name: each[name])
    return {
        "dag_parse": Measured(each[slowest], f"{slowest}, of {len(each)} files; the import of airflow.sdk not counted")
    }
