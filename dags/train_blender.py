"""# Train the blender.

Fits quantile models of the next five sessions' return on the agents' opinions and the features of the lake's history,
in a purged and embargoed walk-forward split, beside the prior blend on the same rows. The model is logged in MLflow,
registered under the alias `shadow`, and decides from the next session on beside live, on a paper account of its own.

## Parameters
- `until`: the last session whose prices may be used. Empty means the live account's last decided session.

## Safe to clear
Everything, at any time. A training is named by its data, policy, code and range: one that was done is found again and
nothing is written twice.

## If it fails
1. Read the error above. `LearningError`: too little history for the folds; load more (`backfill_history`) or lower
   `minimum_sessions` in the policy. `UnknownRecord`: features are missing; run `build_features`.
   `ExternalServiceError`: the registry cannot be reached.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. Live is not touched by a training, whatever happens to it.
"""

from datetime import date
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="train_blender",
    doc_md=__doc__,
    schedule=None,
    tags=["models"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={"until": Param(None, type=["null", "string"], format="date", description="last session that may be used")},
)
def train_blender() -> None:
    """Train one model."""

    @task
    def fit_and_register() -> dict[str, Any]:
        """Train on the history up to `until`, register, and open the shadow's account."""
        from tradeops.entrypoints.airflow import training_tasks

        until = get_current_context()["params"]["until"]
        return training_tasks.train_blender(date.fromisoformat(until) if until else None)

    fit_and_register()


train_blender()
