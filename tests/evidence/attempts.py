"""A piece of work that is killed at a point and gone on with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGKILL

from tests.evidence.effects import Effects
from tests.evidence.kills import Outcome
from tests.evidence.points import Point, Reached
from tests.faults import children
from tests.faults.cases import explain
from tests.faults.fail_points import Tripwire
from tests.faults.recovery import CLOSED, time_recovery

Kill = Callable[[Path], Outcome]
Look = Callable[[Path], tuple[list[str], Effects]]


@dataclass(frozen=True)
class Setting:
    """A work, done in one way.

    Args:
        reached: Places that an undisturbed run passes, with how often.
        kill: Kills it at a point, goes on in the same new folder, and looks.
    """

    reached: Reached
    kill: Callable[[Point, Path], Outcome]


@dataclass(frozen=True)
class Work:
    """What was prepared for children to be forked.

    Args:
        mistakes: By name what kills the work with a mistake in the product.
    """

    settings: Mapping[str, Setting]
    mistakes: Mapping[str, Kill]


@dataclass(frozen=True)
class Attempt:
    """A run that is killed, and the one that goes on.

    Args:
        look: Everything that is wrong at the end, and how many effects differ.
        look_early: What is wrong right after the death.
        recovered: The place whose passing ends the recovery.
    """

    first: Callable[[Path, Tripwire], object]
    heir: Callable[[Path, Tripwire], object]
    look: Look
    look_early: Callable[[Path], list[str]] = lambda _: []
    recovered: str = CLOSED

    def run(self, point: Point, folder: Path) -> Outcome:
        answers = folder.parent
        wire = Tripwire(point.place, occurrence=point.occurrence)
        killed = children.run(partial(self.first, folder, wire), answers)
        early = children.run(partial(self.look_early, folder), answers)
        again = children.run(lambda: time_recovery(partial(self.heir, folder), self.recovered), answers)
        found, effects = self.look(folder)
        return Outcome(
            landed=[point.place] * (killed.signal == SIGKILL),
            faults=[*(early.value or explain("looking early", early)), *explain("second run", again), *found],
            effects=effects,
            recovery=again.value or 0.0,
        )
