"""When a run cannot go on it says what is wrong and where to look, ends everything and exits non-zero."""

import json
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.make_run import Installation, find_oldest

pytestmark = pytest.mark.slow
HEALTHY = "dags               parsed"
LONG_S = 600.0


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "state")


def make(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(
        command, cwd=ROOT, env=installation.environment, capture_output=True, text=True, check=False, timeout=LONG_S
    )


def test_beside_a_living_run_nothing_starts_and_a_dead_server_ends_it(installation: Installation) -> None:
    with installation.start() as run:
        run.wait_for_line(HEALTHY)
        second, reset = make(installation, "run", "ONCE=1"), make(installation, "reset")
        assert second.returncode != 0
        assert f"port {installation.port} on 127.0.0.1 cannot be used" in second.stderr
        assert reset.returncode != 0
        assert "a run lives in" in reset.stdout
        find_oldest(run.look(), "airflow triggerer").send_signal(signal.SIGKILL)
        assert run.wait_until_gone(LONG_S) == set()
        assert run.process.returncode != 0
        assert "airflow triggerer ended with -9; the last lines of" in run.read()
    assert _list_readable_by_others(installation.state_dir) == []
    assert make(installation, "reset").returncode == 0
    assert not installation.state_dir.exists()


def test_a_failed_task_is_named_and_mailed(installation: Installation) -> None:
    installation.more["TRADEOPS_LEDGER_URL"] = "bogus:///nowhere"
    with installation.start() as run:
        assert run.wait_until_gone(LONG_S) == set()
        assert run.process.returncode != 0
        assert "backfill_history failed" in run.read()
        assert "task load_history, try 1; the last lines of" in run.read()
        assert "ConfigurationError: TRADEOPS_LEDGER_URL has scheme 'bogus'" in run.read()
    (mail,) = (installation.state_dir / "mail").glob("*.eml")
    assert "backfill_history.load_history failed: ConfigurationError" in mail.read_text()
    (incident,) = (installation.state_dir / "incidents").glob("*.json")
    assert json.loads(incident.read_text())["count"] == 1


def _list_readable_by_others(folder: Path) -> list[str]:
    secrets = [folder, *folder.glob("airflow/*.json"), folder / "airflow" / "airflow.db"]
    return [str(path) for path in secrets if stat.S_IMODE(path.stat().st_mode) & 0o077]
