"""The task that looks after the long-running processes, and what on-call is told of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tradeops.entrypoints.airflow.dead_letter_tasks import tell_of_dead_letters
from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.processes.health import NAMES, WITHIN_SECONDS
from tradeops.entrypoints.processes.heartbeat import read_beats
from tradeops.settings import Settings, load_settings

if TYPE_CHECKING:
    from tradeops.ports.notifier import Notification

T = TypeVar("T")

PROCESSES = list(NAMES)
EVENT_LOG = "event log"
MOST_WAITING = 1  # sessions; `serve` decides the newest and skips the others, so that two wait only while it does not
AGAIN_SECONDS = 60.0  # a process that is started anew, or comes back after an outage, is no incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How things are.

    Args:
        is_open: Whether the trading window is; also when the ledger does not say.
        window: Its state in words.
        waiting: Messages that wait, in words.
        faults: What is wrong, by what it is about.
    """

    is_open: bool
    window: str
    waiting: str
    faults: Mapping[str, str]

    def __str__(self) -> str:
        faults = "; ".join(f"{name} {fault}" for name, fault in self.faults.items())
        return f"{self.window}; waiting: {self.waiting}; {faults or 'all processes are well'}"


def supervise_processes(names: Sequence[str], sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """Note how window, processes and what waits are; tell on-call of faults in an open window that stay.

    Dead letters whose process died before it could tell of them are told of as well.

    Args:
        names: Processes that are to run somewhere, of `PROCESSES`.
        sleep: Waits a number of seconds before a fault is believed.

    Returns:
        Faults by what they are about, and whether a message went out.
    """
    from tradeops.bootstrap.notifier import open_notifier  # noqa: PLC0415 - paid in the task

    settings = load_settings()
    look = first = look_around(settings, names)
    if first.faults:
        sleep(AGAIN_SECONDS)
        look = look_around(settings, names)
    outage = EVENT_LOG in {*first.faults, *look.faults}
    note_run(str(look))
    if EVENT_LOG not in look.faults:
        _ask({}, EVENT_LOG, tell_of_dead_letters)  # away since: the next look tells
    told = bool(look.faults) and look.is_open and open_notifier(settings).notify(describe_faults(look, outage=outage))
    return {"faults": dict(look.faults), "told": told}


def look_around(settings: Settings, names: Sequence[str]) -> Look:
    """Look at the processes, the window and the log; what does not answer hides nothing else."""
    from tradeops.bootstrap.diagnosis import count_waiting, describe_waiting  # noqa: PLC0415 - paid in the task
    from tradeops.bootstrap.window import list_window_changes  # noqa: PLC0415
    from tradeops.domain.trading_window import is_open  # noqa: PLC0415
    from tradeops.services.drain_events_once import GROUP  # noqa: PLC0415

    faults = {name: fault for name in names if (fault := find_fault(settings, name))}
    newest = (_ask(faults, "ledger", lambda: list_window_changes(settings)) or (None,))[-1]
    waiting = _ask(faults, EVENT_LOG, lambda: count_waiting(settings))
    if waiting and "serve" in names and is_open(newest) and waiting[GROUP] > MOST_WAITING:
        faults.setdefault("serve", f"leaves {waiting[GROUP]} sessions waiting")
    return Look(
        is_open=is_open(newest),
        window=str(newest or "window open"),
        waiting=describe_waiting(waiting) if waiting else "not known",
        faults=faults,
    )


def find_fault(settings: Settings, name: str) -> str | None:
    """What is wrong with all processes of a name, on whatever host; None when one of them is well."""
    beats = read_beats(settings.state_dir, name, everywhere=True)
    faults = [(beat.host, beat.find_fault(WITHIN_SECONDS)) for beat in beats]
    if any(fault is None for _, fault in faults):
        return None
    return ", ".join(f"on {host} {fault}" for host, fault in faults) or "runs nowhere"


def describe_faults(look: Look, *, outage: bool) -> "Notification":
    """One message about everything that is wrong now; another one when something else is.

    Args:
        look: How things are.
        outage: The event log is away, or just was: processes that fail on account of it tell of that themselves.
    """
    from tradeops.ports.notifier import Notification  # noqa: PLC0415 - paid in the task
    from tradeops.services.describe_outage import CAUSE  # noqa: PLC0415

    names = ", ".join(sorted(look.faults))
    return Notification(
        cause=CAUSE if outage else ("supervise_processes", names),
        subject=f"in an open trading window: {names} not well",
        facts=(*look.faults.items(), ("window", look.window), ("waiting", look.waiting)),
        advice=(
            "1. Nothing is lost: events wait in the log, and whoever comes back goes on from what is durable.\n"
            "2. `runs nowhere`, `is dead`, `says nothing`: start the process again, look at its log.\n"
            "   `fails for`, or `ledger` or `event log` above: mend what the error names; it goes on by itself.\n"
            "   The table under Health in docs/guides/processes.md says more.\n"
            "3. If nothing may be decided meanwhile: `tradeops window close --person NAME --reason WHY`.\n"
            "   Sessions that wait longer than a day: the newest is decided, the others are skipped."
        ),
    )


def _ask(faults: dict[str, str], name: str, ask: Callable[[], T]) -> T | None:
    from tradeops.domain.errors import TradeOpsError  # noqa: PLC0415 - paid in the task

    try:
        return ask()
    except TradeOpsError as error:
        faults[name] = f"does not answer: {error.message}"
        return None
