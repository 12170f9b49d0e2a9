"""# Replay the history.

Decides every session of the loaded history that is not decided yet, in order, with the same code that decides the
newest one. At `train_at` it lets `train_blender` train on what lies before; the new model then decides beside live,
on a paper account of its own, from the next session on. It starts by hand or by `make run`; nothing else wakes it.

## Parameters
- `until`: the last session to decide. Load the history first: `backfill_history`.
- `train_at`: the last session that the training may see. Empty trains nothing.
- `run`: the book. `live` is the account that `run_decision_cycle` continues; any other name opens a book of its own,
  for which nothing is trained.

## Safe to clear
Everything, at any time. A session that is decided stays as it is; the run goes on after the last one. A training that
was done is found again, not repeated. Progress is in the log of the deciding task and on the run's note.

## If it fails
1. Read the error above. `ConfigurationError`: correct the setting it names. `CorruptInput` or `DataError`: a stored
   file was changed; run `tradeops doctor`, restore the file, do not edit it. `UnknownRecord`: features are missing;
   run `build_features`. `CycleHeld`: another run decides the same book; wait for it. If `train` failed, open the run
   of `train_blender` that its task links to.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. It takes up where it stopped; no order is sent twice.
"""

from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="replay_history",
    doc_md=__doc__,
    schedule=None,
    tags=["history", "decisions"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={
        "until": Param("2013-02-27", type="string", format="date", description="last session to decide"),
        "train_at": Param("2008-12-31", type=["null", "string"], format="date", description="train up to here"),
        "run": Param("live", type="string", pattern="^[a-z][a-z0-9_]{0,30}$", description="the book"),
    },
)
def replay_history() -> None:
    """Decide the past, train on it, decide the rest."""

    @task
    def decide_before_training() -> dict[str, Any]:
        """Decide up to `train_at`."""
        from tradeops.entrypoints.airflow.session_tasks import decide_history

        params = get_current_context()["params"]
        if not params["train_at"] or params["run"] != "live":
            raise AirflowSkipException("nothing is trained in this run")
        return decide_history(params["run"], date.fromisoformat(params["train_at"]))

    train = TriggerDagRunOperator(
        task_id="train",
        trigger_dag_id="train_blender",
        trigger_run_id="replay_history__until_{{ params.train_at }}",
        conf={"until": "{{ params.train_at }}"},
        reset_dag_run=True,
        wait_for_completion=True,
        poke_interval=2,
        deferrable=True,
        execution_timeout=timedelta(minutes=30),
        doc_md="Let `train_blender` train on the sessions up to `train_at`.",
    )

    @task(trigger_rule="none_failed")
    def decide_after_training() -> dict[str, Any]:
        """Decide up to `until`, for the live account and for every model in shadow or canary."""
        from tradeops.entrypoints.airflow.session_tasks import decide_history

        params = get_current_context()["params"]
        return decide_history(params["run"], date.fromisoformat(params["until"]))

    decide_before_training() >> train >> decide_after_training()


replay_history()
