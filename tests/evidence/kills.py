"""A process that decides sessions is killed at a moment or place that nobody chose, and another one goes on."""

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
        counted: Moments are parts of the places that an undisturbed run passes instead: then a kill
            lands where the seed says, however busy the machine is.
    """

    seed: int
    durability: Durability
    moments: tuple[float, ...]
    mutant: str = "none"
    counted: bool = False


@dataclass(frozen=True)
class Span:
    """What an undisturbed run takes, from its fork to its end.

    Args:
        places: That it passes.
    """

    seconds: float
    places: int

    def count(self, moment: float) -> int:
        """The place of a moment, from 1."""
        return 1 + int(moment * self.places)


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
    """Leaves the last place behind, where the parent can read it after a death.

    Args:
        last: How many places are passed, and at the last one it acts; 0 for all of them.
    """

    place: str = NOWHERE
    last: int = 0
    board: mmap = field(default_factory=lambda: mmap(-1, LONGEST_PLACE))

    def reach(self, place: str) -> None:
        super().reach(place)
        self.board[:] = place.encode().ljust(LONGEST_PLACE)
        if sum(self.reached.values()) == self.last:
            self.strike()

    def read_last(self) -> str:
        return self.board[:].rstrip(b"\0 ").decode(errors="replace") or OPENING


def draw_trial(seed: int, mutant: str = "none", *, counted: bool = False) -> Trial:
    chance = random.Random(seed)
    moments = [chance.random() for _ in range(1 + (chance.random() < KILLED_AGAIN))]
    return Trial(seed, DURABILITIES[seed % len(DURABILITIES)], tuple(moments), mutant, counted)


def run_trial(trial: Trial, prepared: Prepared, span: Span, scratch: Path) -> Outcome:
    """Do it to a copy of the prepared installation."""
    folder = scratch / f"trial-{os.getpid()}"
    shutil.copytree(prepared.state, folder)
    try:
        return _kill_and_go_on(trial, prepared, span, folder)
    finally:
        shutil.rmtree(folder)


def measure_span(durability: Durability, prepared: Prepared, scratch: Path) -> Span:
    """Of one undisturbed run."""
    folder, wire = scratch / f"span-{os.getpid()}", Tripwire(NOWHERE)

    def run() -> int:
        _run(Trial(0, durability, ()), prepared, folder, wire)
        return sum(wire.reached.values())

    shutil.copytree(prepared.state, folder)
    try:
        started = time.monotonic()
        ended = children.run(run, folder)
        if faults := explain("undisturbed run", ended):
            raise RuntimeError(faults[0])
        return Span(time.monotonic() - started, ended.value)
    finally:
        shutil.rmtree(folder)


def _kill_and_go_on(trial: Trial, prepared: Prepared, span: Span, folder: Path) -> Outcome:
    landed, faults = list[str](), list[str]()
    for moment in trial.moments:
        place, found = _kill_at(moment, span, trial, prepared, folder)
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


def _kill_at(moment: float, span: Span, trial: Trial, prepared: Prepared, folder: Path) -> tuple[str, list[str]]:
    """The last place that the killed process passed, and what is wrong right after its death."""
    wire, answer = PlaceBoard(last=span.count(moment) if trial.counted else 0), folder / "killed.pickle"
    pid = children.start(lambda: _run(trial, prepared, folder, wire), answer)
    if not trial.counted:
        time.sleep(moment * span.seconds)
        os.kill(pid, signal.SIGKILL)
    ended = children.finish(pid, answer)
    if ended.signal != signal.SIGKILL:
        return "", explain("run that was not killed in time", ended)
    early = children.run(lambda: look_early(folder), folder)
    return wire.read_last(), early.value if not early.error else explain("looking early", early)


def _run(trial: Trial, prepared: Prepared, folder: Path, wire: Tripwire) -> None:
    with open_installation(folder, Opening(trial.durability, wire, MISTAKES[trial.mutant])) as runtime:
        run_sessions(runtime, prepared.until)
