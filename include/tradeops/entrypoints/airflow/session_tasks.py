"""What the deciding tasks do: each calls one use case and returns counts and identifiers only."""

import logging
from datetime import date
from typing import TYPE_CHECKING, Any

from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import open_task_runtime
from tradeops.entrypoints.airflow.yearly_progress import YearlyProgress

if TYPE_CHECKING:
    from tradeops.bootstrap.runtime import Runtime, Watch

_LOG = logging.getLogger(__name__)


def decide_history(run: str, until: date) -> dict[str, Any]:
    """Decide the past of a book, for `live` also of the models that decide beside it; a line of progress a year.

    Args:
        run: The book.
        until: Last session to decide.
    """
    logging.getLogger("tradeops.cycles").setLevel(logging.WARNING)  # a line a year says enough
    with open_task_runtime() as runtime:
        progress = YearlyProgress(note_run)
        done = _decide(runtime, run, until, None, progress)
        progress.report()
        if run != "live":
            return done
        beside = YearlyProgress(note_run, "beside", progress.lines)
        done["beside"] = _decide_staged(runtime, until, beside)
        beside.report()
        return done


def decide_due_sessions(only: date | None = None) -> dict[str, Any]:
    """Decide every session up to the market clock for the live account, then for the models beside it.

    Args:
        only: The one session of the live account to decide; refused unless it is its next.
    """
    with open_task_runtime() as runtime:
        done = _decide(runtime, "live", None, only, None)
        done["beside"] = _decide_staged(runtime, None, None)
    note_run(f"{done['decided']} sessions decided, the last is {done['last']}")
    return done


def _decide(
    runtime: "Runtime", run: str, until: date | None, only: date | None, on_progress: "Watch | None"
) -> dict[str, Any]:
    done = runtime.decide_sessions(run=run, until=until, only=only, on_progress=on_progress)
    _LOG.info("%s: decided %d sessions, the last is %s", run, done.decided, done.last)
    last = done.last.isoformat() if done.last else None
    if last and not done.decided:
        record = runtime.find_record(last, run=run)
        _LOG.info("already decided: %s", record.decision.canonical_bytes.decode())
    return {"decided": done.decided, "already_decided": done.already_decided, "last": last}


def _decide_staged(runtime: "Runtime", until: date | None, on_progress: "Watch | None") -> dict[str, int]:
    beside = dict(runtime.decide_staged(until=until, on_progress=on_progress))
    for book, count in beside.items():
        _LOG.info("%s: decided %d sessions", book, count)
    return beside
