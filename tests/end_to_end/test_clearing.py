"""Any task may be cleared at any time: nothing is decided, moved or sent twice."""

import sys
from datetime import UTC, datetime

import pytest

from tests.end_to_end.conftest import UpAndRunning
from tests.integration.make_run import list_open_listeners
from tradeops.adapters.ledger_sqlalchemy.ledger import open_ledger
from tradeops.domain.identifiers import BookId
from tradeops.domain.verdicts import KillSwitch

pytestmark = pytest.mark.slow
DAGS = (
    "backfill_history",
    "build_features",
    "ingest_market_data",
    "publish_report",
    "replay_history",
    "run_decision_cycle",
    "train_blender",
)
STEPS = 10


def list_cleared_tasks(up: UpAndRunning) -> list[tuple[str, str, str]]:
    """Every task of every run that there is now."""
    runs = [(dag_id, run["dag_run_id"]) for dag_id in DAGS for run in up.api.list_runs(dag_id)]
    return [
        (dag_id, run_id, str(task["task_id"])) for dag_id, run_id in runs for task in up.api.list_tasks(dag_id, run_id)
    ]


def clear_and_wait(up: UpAndRunning, dag_id: str, run_id: str, task_id: str) -> None:
    """Clear one task and wait until its run has succeeded again."""
    cleared_at = datetime.now(UTC)
    up.api.clear_tasks(dag_id, run_id, [task_id])

    def is_done_again() -> bool:
        tasks = [task for task in up.api.list_tasks(dag_id, run_id) if task["task_id"] == task_id]
        ended = tasks[0]["end_date"]
        again = ended is not None and datetime.fromisoformat(ended) > cleared_at
        return again and up.api.read_run(dag_id, run_id)["state"] == "success"

    up.run.wait_for(is_done_again, seconds=900)


def test_second_run_resumes_does_nothing_again_and_says_so(
    up: UpAndRunning, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long it takes depends on who else is at work on the machine: it is told, and nothing is expected of it."""
    with capsys.disabled():
        sys.stdout.write(f"\nthe second run resumed in {up.seconds:.1f} s\n")
    said = up.run.read()
    assert "resuming in" in said
    assert said.count(" is done") == STEPS


def test_clearing_every_task_of_every_run_changes_no_row(up: UpAndRunning) -> None:
    before = up.read_stores()
    tasks = list_cleared_tasks(up)
    assert {dag_id for dag_id, _, _ in tasks} == set(DAGS)
    for task in tasks:
        clear_and_wait(up, *task)
    assert up.read_stores() == before
    states = {run["state"] for dag_id in DAGS for run in up.api.list_runs(dag_id)}
    assert states <= {"success", "running", "queued"}


def test_only_loopback_is_bound(up: UpAndRunning) -> None:
    processes = up.run.look()
    assert len(processes) > 4
    assert list_open_listeners(processes) == []


def test_one_more_row_would_be_seen(up: UpAndRunning) -> None:
    before = up.read_stores()
    with open_ledger(f"sqlite:///{up.installation.state_dir}/ledger.db") as ledger:
        ledger.set_kill_switch(BookId(run="other"), KillSwitch.FREEZE, person="a test", reason="a mutant")
    assert up.read_stores() != before
