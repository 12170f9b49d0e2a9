"""One state folder of `make run ONCE=1` serves every end-to-end check; Airflow runs on a copy of it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.make_run import Installation, Run
from tradeops.adapters.lake_delta import DeltaLake
from tradeops.adapters.ledger_sqlalchemy.ledger import open_ledger
from tradeops.domain.lake_tables import TABLES
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi

MAKE_RUN = ("make", "--no-print-directory", "run")
FINISHED = ROOT / ".tradeops"
PASSING = ("members", "leases", "holds", "sqlite_sequence")
MISSING = "needs the state folder of `make run ONCE=1`, which has not been run here"


@dataclass(frozen=True)
class UpAndRunning:
    """Airflow on a copy of the finished state."""

    installation: Installation
    run: Run
    api: AirflowApi
    password: str
    seconds: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.installation.port}"

    def read_stores(self) -> dict[str, object]:
        return read_stores(self.installation.state_dir)


def read_ledger(state_dir: Path) -> tuple[object, object]:
    """Rows of every table, and the head of every chain."""
    with open_ledger(f"sqlite:///{state_dir}/ledger.db") as ledger:
        return dict(ledger.count_rows()), ledger.chain_heads()


def read_stores(state_dir: Path) -> dict[str, object]:
    """Everything that a task may write, but for Airflow's own rows: counts of rows and values, heads of chains."""
    rows, heads = read_ledger(state_dir)
    lake = DeltaLake(state_dir / "lake")
    return {
        "ledger": rows,
        "chains": heads,
        "event log": count_rows(state_dir / "event_log.db"),
        "features": count_rows(state_dir / "features.db"),
        "registry": count_rows(state_dir / "mlflow" / "mlflow.db"),
        "lake": {name: lake.read(table).hash_rows().sum() for name, table in TABLES.items()},
        "values": sum(1 for path in (state_dir / "values").rglob("*") if path.is_file()),
    }


def count_rows(file: Path) -> dict[str, int]:
    """Rows of every table, but for leases, which come and go."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        names = [
            row[0] for row in database.execute("select name from sqlite_master where type = 'table' order by name")
        ]
        kept = [name for name in names if name not in PASSING]
        count = "select count(*) from"
        return {name: database.execute(f'{count} "{name}"').fetchone()[0] for name in kept}


def run_command(state_dir: Path, *words: str, folder: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    """`tradeops` in a fresh process."""
    environment = Installation(state_dir).environment | {"OPENBLAS_NUM_THREADS": "1"} | more
    command: Sequence[str] = (sys.executable, "-m", "tradeops.entrypoints.command_line", *words)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def finished() -> Path:
    if not (FINISHED / "verification.json").exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return FINISHED


@pytest.fixture(scope="session")
def copied(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("finished") / "state"
    shutil.copytree(finished, target)
    return target


@pytest.fixture(scope="package")  # ends with these checks: an idle Airflow takes processor time from the others
def up(copied: Path) -> Iterator[UpAndRunning]:
    installation = Installation(copied)
    started = time.monotonic()
    with installation.start(MAKE_RUN) as run:
        run.wait_for(lambda: "up until Ctrl-C" in run.read(), seconds=1200)
        seconds = time.monotonic() - started
        password = json.loads((copied / "airflow" / "passwords.json").read_text())["admin"]
        api = AirflowApi(f"http://127.0.0.1:{installation.port}", "admin", password)
        yield UpAndRunning(installation, run, api, password, seconds)
        api.close()
