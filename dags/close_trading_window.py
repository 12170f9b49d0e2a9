"""# Close the trading window.

Keeps `tradeops serve` from deciding: on days with a session, half an hour before the open for which the orders of the
last decision were. Events wait in the log; a decision that is under way is brought to its end. Paused until `serve` is
at work.

## Parameters
- `reason`: close at once, whatever the exchange does, and record who asked and why; then only a person opens it again.
  Empty: only if today has a session that has not closed; on other days the run's note says that nothing was done.

## Safe to clear
Everything, at any time. A run closes the window once; cleared later it does not undo what came after it.

## If it fails
1. Read the error above. `ExternalServiceError`: the ledger cannot be reached; without it nothing is decided either.
   `ConfigurationError`: correct the setting it names.
2. The window stays open until it is closed: a session whose features come late is then decided, and its orders miss
   the open. Clear the failed task, or `tradeops window close --person NAME --reason WHY`.
"""

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import DECISION


@dag(
    dag_id="close_trading_window",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 9 * * 1-5", timezone="America/New_York"),
    is_paused_upon_creation=True,
    tags=["decisions"],
    default_args=DECISION,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={"reason": Param(None, type=["null", "string"], minLength=1, description="close at once, for this reason")},
)
def close_trading_window() -> None:
    """Let events wait."""

    @task
    def close_window() -> str:
        """Close the window if today's session is still to come or under way, or for the reason given."""
        from tradeops.entrypoints.airflow import window_tasks

        return window_tasks.turn_window(window_tasks.CLOSED, get_current_context())

    close_window()


close_trading_window()
