"""Remembers why a task failed, for the one message that goes out when its run has failed."""

import json
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowFailException


def record_cause(context: Any) -> None:
    """Keep the error of a task that will not be tried again (runs in the task's own process).

    Args:
        context: Airflow's context of the failed task.
    """
    from tradeops.settings import load_settings  # noqa: PLC0415 - DAG files import this module

    task, error = context["ti"], context.get("exception")
    if isinstance(error, AirflowFailException) and error.__cause__ is not None:
        error = error.__cause__  # what happened, not that it is not tried again
    path = _locate(load_settings().state_dir, task.dag_id, task.run_id, task.task_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"error": type(error).__name__, "message": str(error)}))


def take_cause(state_dir: Path, dag_id: str, run_id: str, task_id: str) -> dict[str, str] | None:
    """Return the error that a task left behind, once; None when its process was killed before it could leave one."""
    path = _locate(state_dir, dag_id, run_id, task_id)
    if not path.exists():
        return None
    cause: dict[str, str] = json.loads(path.read_text())
    path.unlink()
    return cause


def _locate(state_dir: Path, dag_id: str, run_id: str, task_id: str) -> Path:
    return state_dir / "failures" / dag_id / run_id.replace("/", "_") / f"{task_id}.json"
