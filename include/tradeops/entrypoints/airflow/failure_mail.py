"""Writes the one message that on-call gets when a run has failed."""

import re
from typing import TYPE_CHECKING, Any

from tradeops.entrypoints.airflow.failure_causes import take_cause

if TYPE_CHECKING:
    from tradeops.ports.notifier import Notification

_KILLED = {
    "error": "ProcessKilled",
    "message": "the task's process ended without an error of its own: it was killed (out of memory?)",
}
_RUNBOOK = re.compile(r"^## If it fails\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def mail_failure(context: Any) -> None:
    """Notify of a failed run, unless the same cause was told within the hour.

    It runs at DAG level, so it also speaks when a task was killed.

    Args:
        context: Airflow's context of the failed run.
    """
    from tradeops.bootstrap.notifier import open_notifier  # noqa: PLC0415 - DAG files import this module
    from tradeops.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    dag, run_id = context["dag"], context["run_id"]
    task = context.get("ti")
    task_id = task.task_id if task is not None else "(unknown)"
    cause = take_cause(settings.state_dir, dag.dag_id, run_id, task_id) or _KILLED
    link = f"{settings.airflow_url}/dags/{dag.dag_id}/runs/{run_id}"
    failure = {"dag": dag.dag_id, "run": run_id, "task": task_id, "link": link, **cause}
    open_notifier(settings).notify(describe_failure(failure, dag.doc_md or ""))


def describe_failure(failure: dict[str, str], runbook: str) -> "Notification":
    """Say what failed, why, and what to do.

    Args:
        failure: `dag`, `run`, `task`, `error` (its class), `message`, `link` (the run in Airflow's UI).
        runbook: The DAG's documentation; its section "If it fails" is quoted.
    """
    from tradeops.ports.notifier import Notification  # noqa: PLC0415 - DAG files import this module

    advice = _RUNBOOK.search(runbook)
    return Notification(
        cause=(failure["dag"], failure["task"], failure["error"]),
        subject=f"{failure['dag']}.{failure['task']} failed: {failure['error']}",
        facts=(
            ("error", f"{failure['error']}: {failure['message']}"),
            ("run", failure["run"]),
            ("look", failure["link"]),
        ),
        advice=advice.group(1).strip() if advice else "Open the run, read the log of the failed task.",
    )
