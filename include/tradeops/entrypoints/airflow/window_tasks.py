"""Tasks that open and close the trading window."""

from datetime import UTC, datetime
from typing import Any

from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import fail_unless_retryable

OPEN, CLOSED = "open", "closed"


def turn_window(state: str, context: Any) -> str:
    """Open or close the window, once for each run that asks.

    Args:
        state: `OPEN` or `CLOSED`.
        context: Airflow's context: with parameter `reason` a person asks, and is obeyed at once; without,
            the exchange's sessions say whether there is something to do.

    Returns:
        What was done, or why nothing was.
    """
    from tradeops.bootstrap.window import record_window_change, turn_by_sessions  # noqa: PLC0415 - paid in the task
    from tradeops.domain.trading_window import WindowChange, WindowState  # noqa: PLC0415
    from tradeops.settings import load_settings  # noqa: PLC0415

    wanted, now, reason = WindowState(state), datetime.now(UTC), context["params"]["reason"]
    requested_by = f"{context['dag'].dag_id} {context['run_id']}"
    with fail_unless_retryable():
        if reason is None:
            done = turn_by_sessions(load_settings(), wanted, now=now, requested_by=requested_by)
        else:
            person = context["dag_run"].triggering_user_name or requested_by
            change = WindowChange(requested_by=requested_by, state=wanted, person=person, reason=reason, at=now)
            record_window_change(load_settings(), change)
            done = str(change)
    note_run(done)
    return done
