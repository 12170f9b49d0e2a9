"""A process that decides sessions is killed at a moment that nobody chose, and another one goes on."""

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path

from graphs.decision_cycle.run_cycle import Durability
from tests.evidence.effects import Effects
from tests.evidence.mistakes import MISTAKES
from tests.faults import children
from tests.faults.cases import Prepared, explain, look, look_early
from tests.faults.fail_points import Tripwire
from tests.faults.installation import Opening, open_installation, run_sessions
from tests.faults.recovery import time_recovery

DURABILITIES: tuple[Durability, Durability] = ("exit", "sync")
KILLED_AGAIN = 0.25  # of all trials: the process that goes on is killed too
LONGEST_PLACE = 128
OPENING = "opening"
NOWHERE = "nowhere"


@dataclass(frozen=True)
class Trial:
    """One installation, killed once or twice, then finished.

    Args:
        moments: Of the kills, as parts of the time that an undisturbed run takes.
        mutant: A mistake put into the product; see `tests.evidence.mistakes`.
    """

    seed: int
    durability: Durability
    moments: tuple[float, ...]
    mutant: str = "none"


@dataclass(frozen=True)
class Outcome:
    """What was found after a trial.

    Args:
        landed: The last place that each killed process had passed; none for a process that was
            done before its moment came.
        recovery: Milliseconds from the beginning of the last process, already warm, until it closed a
            cycle, or had found that nothing is left to do.
    """

    landed: list[str]
    faults: list[str]
    effects: Effects
    recovery: float


@dataclass
class PlaceBoard(Tripwire):
    """Leaves the last place behind, where the parent can read it after a death."""

    place: str = NOWHERE
    board: mmap = field(default_factory=lambda: mmap(-1, LONGEST_PLACE))

    def reach(self, place: str) -> None:
        super().reach(place)
        self.board[:] = place.encode().ljust(LONGEST_PLACE)

    def read_last(self) -> str:
        return self.board[:].rstrip(b"\0 ").decode(errors="replace") or OPENING


def draw_trial(seed: int, mutant: str = "none") -> Trial:
    chance = random.Random(seed)
    moments = [chance.random() for _ in range(1 + (chance.random() < KILLED_AGAIN))]
    return Trial(seed, DURABILITIES[seed % len(DURABILITIES)], tuple(moments), mutant)


def run_trial(trial: Trial, prepared: Prepared, span: float, scratch: Path) -> Outcome:
    """Do it to a copy of the prepared installation.

    Args:
        span: Seconds that an undisturbed run takes.
    """
    folder = scratch / f"trial-{os.getpid()}"
    shutil.copytree(prepared.state, folder)
    try:
        return _kill_and_go_on(trial, prepared, span, folder)
    finally:
        shutil.rmtree(folder)


def measure_span(durability: Durability, prepared: Prepared, scratch: Path) -> float:
    """Seconds that an undisturbed run takes, from its fork to its end."""
    folder = scratch / f"span-{os.getpid()}"
    shutil.copytree(prepared.state, folder)
    try:
        started = time.monotonic()
        ended = children.run(lambda: _run(Trial(0, durability, ()), prepared, folder, Tripwire(NOWHERE)), folder)
        if faults := explain("undisturbed run", ended):
            raise RuntimeError(faults[0])
        return time.monotonic() - started
    finally:
        shutil.rmtree(folder)


def _kill_and_go_on(trial: Trial, prepared: Prepared, span: float, folder: Path) -> Outcome:
    landed, faults = list[str](), list[str]()
    for moment in trial.moments:
        place, found = _kill_after(moment * span, trial, prepared, folder)
        landed += [place] if place else []
        faults += found
    resumed = children.run(lambda: time_recovery(lambda wire: _run(trial, prepared, folder, wire)), folder)
    found, effects = look(prepared.expected, folder)
    return Outcome(
        landed=landed,
        faults=[*faults, *explain("last run", resumed), *found],
        effects=effects,
        recovery=resumed.value or 0.0,
    )


def _kill_after(delay: float, trial: Trial, prepared: Prepared, folder: Path) -> tuple[str, list[str]]:
    """The last place that the killed process passed, and what is wrong right after its death."""
    wire, answer = PlaceBoard(), folder / "killed.pickle"
    pid = children.start(lambda: _run(trial, prepared, folder, wire), answer)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    ended = children.finish(pid, answer)
    if ended.signal != signal.SIGKILL:
        return "", explain("run that was not killed in time", ended)
    early = children.run(lambda: look_early(folder), folder)
    return wire.read_last(), early.value if not early.error else explain("looking early", early)


def _run(trial: Trial, prepared: Prepared, folder: Path, wire: Tripwire) -> None:
    with open_installation(folder, Opening(trial.durability, wire, MISTAKES[trial.mutant])) as runtime:
        run_sessions(runtime, prepared.until)
