"""# Open the trading window.

Lets `tradeops serve` decide: on days with a session, after the close. A session is decided after its close and its
orders are for the next open, so the window stays open until `close_trading_window` closes it before that open. Paused
until `serve` is at work; without it the window says nothing to anybody.

## Parameters
- `reason`: open at once, whatever the exchange does, and record who asked and why. Empty: only if today's session has
  closed; on a day without a session nothing is opened and the run's note says so.

## Safe to clear
Everything, at any time. A run opens the window once; cleared later it does not undo what came after it.

## If it fails
1. Read the error above. `ExternalServiceError`: the ledger cannot be reached; nothing is decided meanwhile, nothing is
   lost. `ConfigurationError`: correct the setting it names.
2. The window stays closed until it is opened: clear the failed task, or
   `tradeops window open --person NAME --reason WHY`. `tradeops window show` says how it is.
3. A note `only a person opens it again` is no failure: somebody closed the window by hand.
"""

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import DECISION


@dag(
    dag_id="open_trading_window",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("5 16 * * 1-5", timezone="America/New_York"),
    is_paused_upon_creation=True,
    tags=["decisions"],
    default_args=DECISION,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={"reason": Param(None, type=["null", "string"], minLength=1, description="open at once, for this reason")},
)
def open_trading_window() -> None:
    """Let what waits be decided."""

    @task
    def open_window() -> str:
        """Open the window if today's session has closed, or for the reason given."""
        from tradeops.entrypoints.airflow import window_tasks

        return window_tasks.turn_window(window_tasks.OPEN, get_current_context())

    open_window()


open_trading_window()
