"""What a fault may reach, and the time that passes while it lasts."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from tests.faults.real_servers.board import Board
from tests.faults.real_servers.knob import Knob
from tests.faults.real_servers.members import Crew
from tests.faults.real_servers.preparing import Place
from tests.faults.real_servers.publisher import Letter, Publisher
from tests.faults.real_servers.servers import Servers

LONGEST_SECONDS = 300.0
_LOOK_SECONDS = 0.01


class NothingCame(Exception):
    """What a case waited for did not happen within the longest time."""


@dataclass(frozen=True)
class Scene:
    """A case while it runs.

    Args:
        servers: All of them, which nobody else uses meanwhile.
        place: The installation.
        crew: Who serves it.
        publisher: Who appends events.
        board: What was told so far.
        chance: Of the case's seed.
        sessions: That events are about, ascending.
        letters: Those events.
        clock: How far the crew's wall clock is ahead, in seconds.
        delay: Seconds that each chunk to or from database and Redis takes more.
        asked: When each session's event was handed over for publication.
        poison: What was put on the log and is no event that can be answered.
        longest: Seconds that anything may take.
    """

    servers: Servers
    place: Place
    crew: Crew
    publisher: Publisher
    board: Board
    chance: random.Random
    sessions: Sequence[date]
    letters: Sequence[Letter]
    clock: Knob
    delay: Sequence[Knob] = ()
    asked: dict[str, float] = field(default_factory=dict)
    poison: list[bytes] = field(default_factory=list)
    longest: float = LONGEST_SECONDS

    def publish_next(self, *beside: Letter) -> str:
        """The next session's event, after what else is to be there; the session."""
        number = len(self.asked)
        name = str(self.sessions[number])
        self.asked[name] = time.monotonic()
        self.publisher.publish(name, [*beside, self.letters[number]])
        return name

    def hold(self, seconds: float) -> None:
        """Let time pass."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.crew.tend()
            time.sleep(_LOOK_SECONDS)

    def wait_published(self, name: str) -> None:
        self.wait(lambda: any(line["published"] == name for line in self.board.find("published")), f"{name} on the log")

    def wait_closed(self, sessions: Sequence[str]) -> None:
        """Until all of them are closed."""
        self.wait(lambda: set(sessions) <= self.closed().keys(), f"{sessions[-1]} closed")

    def wait_next_close(self, after: float) -> float:
        """Seconds from a moment until the next cycle was closed; another is asked for when none is open."""

        def came() -> bool:
            if any(at >= after for at in self.closed().values()):
                return True
            if self.asked.keys() <= self.closed().keys() and len(self.asked) < len(self.sessions):
                self.publish_next()
            return False

        self.wait(came, "a cycle after the fault")
        return min(at for at in self.closed().values() if at >= after) - after

    def closed(self) -> dict[str, float]:
        """When each session was closed first."""
        return {line["closed"]: line["at"] for line in reversed(self.board.find("closed"))}

    def wait(self, came: Callable[[], bool], what: str) -> None:
        """Until it came.

        Raises:
            NothingCame: It did not within the longest time.
        """
        until = time.monotonic() + self.longest
        while not came():
            if time.monotonic() > until:
                raise NothingCame(f"{what} did not come within {self.longest:.0f} s")
            self.hold(_LOOK_SECONDS)
