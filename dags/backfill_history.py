"""# Backfill history.

Loads the records of a range: raw records are published, validated and sealed into the lake, and the market clock
moves to `until`. What is loaded already is dropped as a duplicate. The asset `history_bars` wakes `build_features`.

## Parameters
- `until`: the last session to load. The market clock never moves back.
- `first`: publish the records from this session on only. Empty loads everything known by `until`.

## Safe to clear
Everything, at any time. A run loads its range once; a second run over the same range leaves the lake as it is.

## If it fails
1. Read the error above. `ConfigurationError`: correct the setting it names. `LeaseHeld`: another load runs; wait for
   it. `SourceExhausted` shows as a skipped task: name an earlier `until`. `ExternalServiceError`: the disk is full or
   a file is locked.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. It takes up where it stopped. Records that could not be read fail nothing: they are in the
   dead-letter topics, see `tradeops dlq list`; a mail says once that they grow.
"""

from datetime import date
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.assets import HISTORY_BARS
from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="backfill_history",
    doc_md=__doc__,
    schedule=None,
    tags=["market data", "history"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={
        "until": Param("2013-02-27", type="string", format="date", description="last session to load"),
        "first": Param(None, type=["null", "string"], format="date", description="first session to publish"),
    },
)
def backfill_history() -> None:
    """Load the history of a range."""

    @task(outlets=[HISTORY_BARS])
    def load_history() -> dict[str, Any]:
        """Load the range and move the market clock to `until`."""
        from tradeops.entrypoints.airflow import market_tasks

        context = get_current_context()
        first = context["params"]["first"]
        until = date.fromisoformat(context["params"]["until"])
        return market_tasks.load_history(until, date.fromisoformat(first) if first else None, context["run_id"])

    load_history()


backfill_history()
