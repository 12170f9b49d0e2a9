"""# Ingest market data.

Delivers the next sessions of the market source: raw records are published, validated and sealed into the lake, the
market clock moves, and the asset `session_bars` wakes `build_features`.

## Parameters
- `sessions`: how many sessions to deliver, 1 to 20.

## Safe to clear
Everything, at any time. A run moves the clock once, however often its task is cleared. To deliver more, start a new
run.

## If it fails
1. Read the error above. `ConfigurationError`: correct the setting it names. `LeaseHeld`: a backfill runs; wait for it.
   `ExternalServiceError`: the disk is full or a file is locked; make room, end what holds it.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. A skipped task is no failure: the source holds no later session. Records that could not be
   read fail nothing: they are in the dead-letter topics, see `tradeops dlq list`; a mail says once that they grow.
"""

from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.assets import SESSION_BARS
from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="ingest_market_data",
    doc_md=__doc__,
    schedule=None,
    tags=["market data"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={"sessions": Param(1, type="integer", minimum=1, maximum=20, description="sessions to deliver")},
)
def ingest_market_data() -> None:
    """Deliver the next sessions."""

    @task(outlets=[SESSION_BARS])
    def deliver_sessions() -> dict[str, Any]:
        """Load `sessions` more sessions and move the market clock."""
        from tradeops.entrypoints.airflow import market_tasks

        context = get_current_context()
        return market_tasks.deliver_sessions(context["params"]["sessions"], context["run_id"])

    deliver_sessions()


ingest_market_data()
