"""What all processes have in common, from the first line to the exit code."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradeops.entrypoints.process_death import die_with
from tradeops.entrypoints.processes.heartbeat import Heart
from tradeops.entrypoints.processes.loop import OpenUnits, ProcessLoop
from tradeops.entrypoints.processes.stop_switch import DeadlinePassed, StopSwitch

DEADLINE_SECONDS = 20.0
IDLE_SECONDS = 0.2
ENDED_WELL = 0
ENDED_LATE = 1
REPLACE_ME = 75  # EX_TEMPFAIL of sysexits.h

_LOG = logging.getLogger("tradeops.processes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """How a process is run.

    Args:
        idle_seconds: Wait when there was nothing to do.
        deadline_seconds: From SIGTERM to the end.
        with_parent: Hand back and end when the process that started this one dies.
    """

    idle_seconds: float = IDLE_SECONDS
    deadline_seconds: float = DEADLINE_SECONDS
    with_parent: bool = False


def run_process(
    name: str, state_dir: Path, options: ProcessOptions, make_units: Callable[[Heart, StopSwitch], OpenUnits]
) -> int:
    """Run units until a signal asks for an end.

    Args:
        name: As `serve`; health is asked for by it.
        state_dir: Of the installation.
        options: How.
        make_units: From what units tell their progress to.

    Returns:
        0 when everything was handed back in time, 1 when a unit did not end within the deadline, 75 when the
        process asks to be replaced by another one.
    """
    switch = StopSwitch(options.deadline_seconds)
    switch.listen()
    if options.with_parent:
        die_with(os.getppid(), signal.SIGTERM)
    heart = Heart(state_dir, name)
    _LOG.info("%s begins as process %d", name, os.getpid())
    try:
        loop = ProcessLoop(heart=heart, switch=switch, idle_seconds=options.idle_seconds)
        loop.run(make_units(heart, switch))
        switch.release()
    except DeadlinePassed:
        switch.release()
        _LOG.error("%s did not end within %.0f s; what it had in hand comes again", name, options.deadline_seconds)
        return ENDED_LATE
    finally:
        heart.stop()
    _LOG.info("%s has handed back what it held", name)
    return REPLACE_ME if switch.worn else ENDED_WELL
