"""# Replay the bundled history.

Loads the market's history up to a session and decides every session of it that is not decided yet, in order, with the
same code that decides the newest one. It starts by hand or by `make run`; nothing else wakes it.

## Parameters
- `until`: the last session to load and decide.
- `run`: the book. `live` is the account that `run_decision_cycle` continues; any other name opens a book of its own.

## Safe to clear
Everything, at any time. A session that is decided stays as it is; the run goes on after the last one. Progress is in
the log of `decide_history` and on the run's note, a line a year.

## If it fails
1. Read the error above. `ConfigurationError`: correct the setting it names. `CorruptInput` or `DataError`: a stored
   or bundled file was changed; run `tradeops doctor`, restore the file, do not edit it. `CycleHeld`: another run
   decides the same book; wait for it.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. It takes up where it stopped; no order is sent twice.
"""

from datetime import date
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

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
        "until": Param("2013-02-27", type="string", format="date", description="last session to load and decide"),
        "run": Param("live", type="string", pattern="^[a-z][a-z0-9_]{0,30}$", description="the book"),
    },
)
def replay_history() -> None:
    """Load the history, then decide it."""

    @task
    def load_history() -> dict[str, Any]:
        """Move the market clock to `until`."""
        from tradeops.entrypoints.airflow.session_tasks import load_sessions

        context = get_current_context()
        return load_sessions(date.fromisoformat(context["params"]["until"]), context["run_id"])

    @task
    def decide_history() -> dict[str, Any]:
        """Decide every undecided session up to `until`."""
        from tradeops.entrypoints.airflow.run_notes import RunNote
        from tradeops.entrypoints.airflow.session_tasks import decide_sessions
        from tradeops.entrypoints.airflow.yearly_progress import YearlyProgress
        from tradeops.settings import load_settings

        context = get_current_context()
        note = RunNote(load_settings(), "replay_history", context["run_id"])
        progress = YearlyProgress(note.write)
        until = date.fromisoformat(context["params"]["until"])
        decided = decide_sessions(run=context["params"]["run"], until=until, on_progress=progress)
        progress.report()
        return decided

    load_history() >> decide_history()


replay_history()
