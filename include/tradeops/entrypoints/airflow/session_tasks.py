"""What the deciding tasks do: each calls one use case and returns counts and identifiers only."""

import logging
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import open_task_runtime
from tradeops.entrypoints.airflow.yearly_progress import YearlyProgress

if TYPE_CHECKING:
    from tradeops.bootstrap.runtime import Runtime
    from tradeops.ports.cycle_runner import CycleOutcome
    from tradeops.services.decide_sessions import SessionsDecided

_LOG = logging.getLogger(__name__)


def decide_history(run: str, until: date) -> dict[str, Any]:
    """Decide the past of a book, for `live` also of the models that decide beside it; a line of progress a year.

    Args:
        run: The book.
        until: Last session to decide.
    """
    logging.getLogger("tradeops.cycles").setLevel(logging.WARNING)  # a line a year says enough
    progress = YearlyProgress(note_run)
    decided = _decide(run, until, None, progress)
    progress.report()
    return decided


def decide_due_sessions(only: date | None = None) -> dict[str, Any]:
    """Decide every session up to the market clock for the live account, then for the models beside it.

    Args:
        only: The one session of the live account to decide; refused unless it is its next.
    """
    decided = _decide("live", None, only, None)
    note_run(f"{decided['decided']} sessions decided, the last is {decided['last']}")
    return decided


def _decide(
    run: str, until: date | None, only: date | None, on_progress: "Callable[[CycleOutcome], None] | None"
) -> dict[str, Any]:
    with open_task_runtime() as runtime:
        done = runtime.decide_sessions(run=run, until=until, only=only, on_progress=on_progress)
        _LOG.info("%s: decided %d sessions, the last is %s", run, done.decided, done.last)
        _show_decided(runtime, run, done)
        beside = runtime.decide_staged(until=until, on_progress=on_progress) if run == "live" else {}
        for book, count in beside.items():
            _LOG.info("%s: decided %d sessions", book, count)
    last = done.last.isoformat() if done.last else None
    return {"decided": done.decided, "already_decided": done.already_decided, "last": last, "beside": dict(beside)}


def _show_decided(runtime: "Runtime", run: str, done: "SessionsDecided") -> None:
    if done.last and not done.decided:
        record = runtime.find_record(done.last.isoformat(), run=run)
        _LOG.info("already decided: %s", record.decision.canonical_bytes.decode())
