"""Writes the one message that on-call gets when a run has failed."""

import logging
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from tradeops.entrypoints.airflow.failure_causes import take_cause
from tradeops.entrypoints.airflow.incidents import Incident, count_incident

_LOG = logging.getLogger(__name__)
_KILLED = {
    "error": "ProcessKilled",
    "message": "the task's process ended without an error of its own: it was killed (out of memory?)",
}
_POLICY = SMTP.clone(max_line_length=998, linesep="\n")
_RUNBOOK = re.compile(r"^## If it fails\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def mail_failure(context: Any) -> None:
    """Write an e-mail about a failed run, unless the same cause was mailed within the hour.

    It runs at DAG level, so it also speaks when a task was killed.

    Args:
        context: Airflow's context of the failed run.
    """
    from tradeops.settings import load_settings  # noqa: PLC0415 - DAG files import this module

    settings, now = load_settings(), datetime.now(UTC)
    dag, run_id = context["dag"], context["run_id"]
    task = context.get("ti")
    task_id = task.task_id if task is not None else "(unknown)"
    cause = take_cause(settings.state_dir, dag.dag_id, run_id, task_id) or _KILLED
    incident = count_incident(settings.state_dir / "incidents", (dag.dag_id, task_id, cause["error"]), now)
    if not incident.due:
        _LOG.info("incident %s seen %d times, mailed at %s", incident.key, incident.count, incident.mailed)
        return
    link = f"{settings.airflow_url}/dags/{dag.dag_id}/runs/{run_id}"
    failure = {"dag": dag.dag_id, "run": run_id, "task": task_id, "link": link, **cause}
    message = compose_mail(failure, incident, dag.doc_md or "")
    path = write_mail(settings.mail_dir, message, f"{now:%Y%m%dT%H%M%S%fZ}-{dag.dag_id}-{incident.key}")
    _LOG.info("incident %s mailed to %s", incident.key, path)


def compose_mail(failure: dict[str, str], incident: Incident, runbook: str) -> EmailMessage:
    """Say what failed, since when, why, and what to do.

    Args:
        failure: `dag`, `run`, `task`, `error` (its class), `message`, `link` (the run in Airflow's UI).
        incident: How often and since when.
        runbook: The DAG's documentation; its section "If it fails" is quoted.
    """
    advice = _RUNBOOK.search(runbook)
    message = EmailMessage(policy=_POLICY)
    message["From"] = "tradeops@localhost"
    message["To"] = "on-call@localhost"
    message["Subject"] = f"[tradeops] {failure['dag']}.{failure['task']} failed: {failure['error']}"
    message["X-Tradeops-Incident"] = incident.key
    message.set_content(
        f"{failure['dag']} failed in task {failure['task']}.\n\n"
        f"  error   {failure['error']}: {failure['message']}\n"
        f"  since   {incident.since} (seen {incident.count}×; this cause stays quiet for an hour now)\n"
        f"  run     {failure['run']}\n"
        f"  look    {failure['link']}\n\n"
        f"What to do\n\n{advice.group(1).strip() if advice else 'Open the run, read the log of the failed task.'}\n",
        cte="8bit",  # readable in the file as it is
    )
    return message


def write_mail(folder: Path, message: EmailMessage, name: str) -> Path:
    """Write a message as one file; a reader never sees half of it.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fresh, path = folder / f".{name}.new", folder / f"{name}.eml"
    fresh.write_bytes(message.as_bytes())
    fresh.replace(path)
    return path
