"""Tasks that load the market and build features; each calls one use case and says on the run what happened."""

import logging
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from tradeops.entrypoints.airflow.dead_letter_tasks import tell_of_dead_letters
from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import open_task_runtime

if TYPE_CHECKING:
    from tradeops.bootstrap.runtime import Runtime
    from tradeops.domain.claims import ClockMove

_LOG = logging.getLogger(__name__)


def load_history(until: date, first: date | None, requested_by: str) -> dict[str, Any]:
    """Load the history of a range and move the market clock to its end; a request is answered once.

    Args:
        until: The last session to be known.
        first: Publish records from this session on; everything when left out.
        requested_by: The run that asks.
    """
    return _load(lambda runtime: runtime.backfill_history(until, first=first, requested_by=requested_by))


def deliver_sessions(sessions: int, requested_by: str) -> dict[str, Any]:
    """Load the next sessions, once for each run that asks.

    Args:
        sessions: How many.
        requested_by: The run that asks; asking again moves nothing.

    Raises:
        AirflowSkipException: The source has no session left.
    """
    return _load(lambda runtime: runtime.ingest_sessions(sessions, requested_by=requested_by))


def build_features(first: date | None = None, last: date | None = None) -> dict[str, Any]:
    """Build what is not built yet up to the market clock, or build a range again.

    Args:
        first: Beginning of a range to build again.
        last: Its end.
    """
    with open_task_runtime() as runtime:
        return _build(runtime, first, last)


def build_session_features() -> dict[str, Any]:
    """Build what is not built yet, and say on the event log which delivered sessions may be decided now."""
    from tradeops.bootstrap.serving import announce_session_features  # noqa: PLC0415 - paid in the task

    with open_task_runtime() as runtime:
        built = _build(runtime, None, None)
        announced = announce_session_features(runtime)
        return {**built, "announced": [session.isoformat() for session in announced]}


def _build(runtime: "Runtime", first: date | None, last: date | None) -> dict[str, Any]:
    built = runtime.build_features(first=first, last=last)
    note_run(f"{built.sessions} sessions of features" + (f", {built.first} to {built.last}" if built.sessions else ""))
    return {"sessions": built.sessions, "rows": built.rows}


def _load(load: "Callable[[Runtime], ClockMove]") -> dict[str, Any]:
    from tradeops.domain.errors import SourceExhausted  # noqa: PLC0415 - paid in the task

    with open_task_runtime() as runtime:
        try:
            moved = load(runtime)
        except SourceExhausted as end:
            raise AirflowSkipException(f"nothing to deliver: {end}") from end
    counts = ", ".join(f"{count} {name}" for name, count in moved.counts.items())
    note_run(f"market clock {moved.before or 'unset'} -> {moved.after}, {moved.sessions} sessions; {counts}")
    tell_of_dead_letters()
    return {"after": moved.after.isoformat(), "sessions": moved.sessions, **moved.counts}
