"""# Redrive dead letters.

Sends records that could not be processed to their topics again, with their original bytes and in the order of their
keys. Start it when the cause is mended; `tradeops dlq list` and `tradeops dlq show` say what lies there and why. The
next run of `ingest_market_data` or `backfill_history` reads them; what fails again is a new dead letter with one
attempt more.

## Parameters
- `topic`: a dead-letter topic, or `all`.
- `kind`: only what failed in this way, or `any`.
- `error`: only this error (`InvalidRecord`), or the reason in front of its message (`high_below_low`).
- `since`, `until`: only what failed last at `since` or later, and before `until`.
- `dry_run`: say in the log and on the run's note what would be sent, and send nothing.

## Safe to clear
Everything, at any time. A letter is sent once, however often the task is cleared. Letters that a person has discarded
are left out; `tradeops dlq redrive ADDRESS` sends one all the same.

## If it fails
1. Read the error above. `LeaseHeld`: another run or `tradeops dlq redrive` does the same; wait for it.
   `CorruptInput`: a message there is no dead letter; its address is in the error, do not edit the file, restore it.
   `ExternalServiceError`: the disk is full or the event log is locked. `ConfigurationError`: correct the setting it
   names.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. Letters that were sent before are not sent again.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.dead_letter_tasks import ALL, ANY, CHOICES, KINDS
from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="redrive_dead_letters",
    doc_md=__doc__,
    schedule=None,
    tags=["dead letters", "market data"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={
        "topic": Param(ALL, type="string", enum=CHOICES, description="dead-letter topic, or all"),
        "kind": Param(ANY, type="string", enum=KINDS, description="what failed in this way, or any"),
        "error": Param(None, type=["null", "string"], description="this error or reason, as high_below_low"),
        "since": Param(None, type=["null", "string"], format="date-time", description="failed last then or later"),
        "until": Param(None, type=["null", "string"], format="date-time", description="failed last before then"),
        "dry_run": Param(False, type="boolean", description="say what would be sent, and send nothing"),
    },
)
def redrive_dead_letters() -> None:
    """Send dead letters again."""

    @task
    def redrive_letters() -> dict[str, Any]:
        """Send the open letters of `topic` that pass the filters again, once."""
        from tradeops.entrypoints.airflow import dead_letter_tasks

        params = get_current_context()["params"]
        return dead_letter_tasks.redrive_dead_letters(params["topic"], params, dry_run=params["dry_run"])

    redrive_letters()


redrive_dead_letters()
