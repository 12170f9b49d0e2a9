"""# Supervise the processes.

Looks every five minutes at what `tradeops serve`, `seal` and `relay` say of themselves on all hosts that share the
state folder, at what waits in the event log and at the trading window, and notes it on the run. What is wrong in an
open window, and still is a minute later, is one message to on-call with what to do. So are dead letters that nobody was
told of, because the process died that wrote them. Paused until the processes are at work.

## Parameters
- `processes`: those that are to run somewhere.

## Safe to clear
Everything, at any time. It looks, and changes nothing.

## If it fails
1. Read the error above. It is about this look, not about the processes: ask each of them with `tradeops health`.
   `ConfigurationError`: correct the setting it names.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Nothing has to be cleared: the next look comes within five minutes.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.supervision_tasks import PROCESSES
from tradeops.entrypoints.airflow.task_defaults import DECISION


@dag(
    dag_id="supervise_processes",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    is_paused_upon_creation=True,
    tags=["decisions", "market data"],
    default_args=DECISION,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={
        "processes": Param(
            PROCESSES,
            type="array",
            items={"type": "string", "enum": PROCESSES},
            minItems=1,
            uniqueItems=True,
            description="those that are to run",
        )
    },
)
def supervise_processes() -> None:
    """Look after the processes."""

    @task
    def look_after_processes() -> dict[str, Any]:
        """Note how processes, window and log are; tell on-call of what is wrong in an open window."""
        from tradeops.entrypoints.airflow import supervision_tasks

        return supervision_tasks.supervise_processes(get_current_context()["params"]["processes"])

    look_after_processes()


supervise_processes()
