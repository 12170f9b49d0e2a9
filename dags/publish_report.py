"""# Publish the report.

Writes the HTML report of the live account with the newest decisions, keeps a copy in MLflow, and compares the model
aliases there with the promotion ledger: an alias moved by hand changes nothing in live and is reported to on-call.
New decisions (asset `decisions`) wake it. The link "Report" on a run opens the report that it wrote.

## Parameters
None.

## Safe to clear
Everything, at any time. The same decisions give the same report.

## If it fails
1. Read the error above. `UnknownRecord`: nothing is decided yet. `CorruptInput`: a stored value was changed; run
   `tradeops doctor`. `ExternalServiceError`: the registry cannot be reached.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. Trading does not wait for it.
"""

from typing import Any

from airflow.sdk import dag, task

from tradeops.entrypoints.airflow.assets import DECISIONS
from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="publish_report",
    doc_md=__doc__,
    schedule=[DECISIONS],
    tags=["reports"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
)
def publish_report() -> None:
    """Write what was done and what came of it."""

    @task
    def write_report() -> dict[str, Any]:
        """Write the report and keep a copy in the registry."""
        from tradeops.entrypoints.airflow import training_tasks

        return training_tasks.publish_report()

    @task
    def compare_aliases() -> list[str]:
        """Set back and report aliases that are not where the promotion ledger says."""
        from tradeops.entrypoints.airflow import promotion_tasks

        return promotion_tasks.check_aliases()

    write_report()
    compare_aliases()


publish_report()
