"""What the tasks of the DAGs do: each calls one use case and returns counts and identifiers only."""

import logging
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from tradeops.entrypoints.airflow.task_runtime import open_task_runtime

if TYPE_CHECKING:
    from tradeops.ports.cycle_runner import CycleOutcome

_LOG = logging.getLogger(__name__)


def load_sessions(until: date, requested_by: str) -> dict[str, Any]:
    """Move the market clock to a session; does nothing when it stands there already.

    Args:
        until: The last session to be known.
        requested_by: The run that asks.
    """
    with open_task_runtime() as runtime:
        moved = runtime.move_market_clock(to=until, requested_by=requested_by)
        _LOG.info("market clock: %s -> %s (%d sessions)", moved.before, moved.after, moved.sessions)
        return {"after": moved.after.isoformat(), "sessions": moved.sessions}


def deliver_sessions(sessions: int, requested_by: str) -> dict[str, Any]:
    """Move the market clock by some sessions, once for each run that asks.

    Args:
        sessions: How many.
        requested_by: The run that asks; asking again moves nothing.

    Raises:
        AirflowSkipException: The source has no session left.
    """
    from tradeops.domain.errors import SourceExhausted  # noqa: PLC0415 - paid in the task

    with open_task_runtime() as runtime:
        try:
            moved = runtime.move_market_clock(sessions=sessions, requested_by=requested_by)
        except SourceExhausted as end:
            raise AirflowSkipException(f"nothing to deliver: {end}") from end
        _LOG.info("market clock: %s -> %s", moved.before, moved.after)
        return {"after": moved.after.isoformat(), "sessions": moved.sessions}


def decide_sessions(
    run: str = "live",
    until: date | None = None,
    only: date | None = None,
    on_progress: "Callable[[CycleOutcome], None] | None" = None,
) -> dict[str, Any]:
    """Decide every undecided session up to the market clock, in order.

    Args:
        run: The book.
        until: Last session to decide, if not the market clock's.
        only: The one session to decide; refused unless it is the account's next.
        on_progress: Called after each session.
    """
    if on_progress is not None:
        logging.getLogger("tradeops.cycles").setLevel(logging.WARNING)  # a line a year says enough
    with open_task_runtime() as runtime:
        done = runtime.decide_sessions(run=run, until=until, only=only, on_progress=on_progress)
        last = done.last.isoformat() if done.last else None
        _LOG.info("decided %d sessions, the last is %s", done.decided, last)
        if last and not done.decided:
            record = runtime.find_record(last, run=run)
            _LOG.info("already decided: %s", record.decision.canonical_bytes.decode())
        return {"decided": done.decided, "already_decided": done.already_decided, "last": last}
