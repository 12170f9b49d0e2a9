"""# Run the decision cycle.

Settles and decides every session of the live account that the market clock has reached and that is not decided yet,
in order; then the same for every model in shadow or canary, on paper accounts of their own. New features (asset
`session_features`) wake it. The event is a wake-up only: several may be answered by one run.

## Parameters
- `session`: decide this session only. It must be the account's next one. Leave it empty to decide all that is due.

## Safe to clear
Everything, at any time. A decided session is shown, not decided again; an order that was sent is never sent twice.

## If it fails
1. Read the error above. `OutOfOrderSession`: leave `session` empty or name the account's next session. `CycleHeld`:
   another process decides this account; it lets go within 15 s of its death. `UnknownRecord`: the session has no
   features; run `build_features`. `CorruptInput`: a stored value was changed; run `tradeops doctor`.
2. Trading has stopped for this account until the cause is gone: no order is sent for a session that is not decided.
3. Clear the failed task, or start a new run with an empty `session`. Look at the result with `tradeops cycle show`.
"""

from datetime import date
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.assets import DECISIONS, SESSION_FEATURES
from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import DECISION


@dag(
    dag_id="run_decision_cycle",
    doc_md=__doc__,
    schedule=[SESSION_FEATURES],
    tags=["decisions"],
    default_args=DECISION,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={"session": Param(None, type=["null", "string"], format="date", description="decide this session only")},
)
def run_decision_cycle() -> None:
    """Decide what is due."""

    @task(outlets=[DECISIONS])
    def decide_due_sessions() -> dict[str, Any]:
        """Decide every session that is due, or the one named by `session`."""
        from tradeops.entrypoints.airflow import session_tasks

        session = get_current_context()["params"]["session"]
        return session_tasks.decide_due_sessions(date.fromisoformat(session) if session else None)

    decide_due_sessions()


run_decision_cycle()
