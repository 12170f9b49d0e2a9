"""Cases: an installation that is served while faults strike, and what is left of it."""

import json
import random
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.evidence.effects import Effects
from tests.faults import children
from tests.faults.findings import Content, read_content
from tests.faults.installation import DELIVERIES
from tests.faults.real_servers.board import Board
from tests.faults.real_servers.faults import FAULTS, PUBLISHING
from tests.faults.real_servers.judging import Looked, look, wait_committed
from tests.faults.real_servers.knob import Knob
from tests.faults.real_servers.members import Crew, Member
from tests.faults.real_servers.mistakes import MISTAKES
from tests.faults.real_servers.preparing import Place, Prepared, open_place, open_stores
from tests.faults.real_servers.publisher import Publisher
from tests.faults.real_servers.scene import NothingCame, Scene
from tests.faults.real_servers.servers import Servers
from tests.faults.real_servers.slow_line import SlowLine, open_line
from tradeops.domain.decisions import Outcome
from tradeops.settings import Settings

MOST_FAULTS = 3  # in one case: each takes three sessions at most
# The longest instant between two strokes of work that a fault is to fall into.
STROKE_SECONDS = 0.3
IN_TIME_SECONDS = 300.0
UNDISTURBED = "none"


@dataclass(frozen=True)
class Case:
    """Faults of one class, one after another.

    Args:
        fault: The class; `none` for an undisturbed run.
        seed: Of the moments, of how long they last, of all that is drawn.
        faults: How many.
        mistake: In the product, shown by the one death or pause of its own; see `mistakes`.
    """

    fault: str
    seed: int
    faults: int = 1
    mistake: str = ""

    def __str__(self) -> str:
        words = ["python", "-m", "tests.faults.real_servers", self.fault, str(self.seed), "--faults", str(self.faults)]
        return shlex.join([*words, *(["--mistake", self.mistake] if self.mistake else [])])


@dataclass(frozen=True)
class Verdict:
    """What was found after a case.

    Args:
        injected: Faults that struck.
        recoveries: Seconds from the end of each fault until the next cycle was closed.
        scheduled: Sessions whose event was to be published.
        in_time: Of them, with a complete record within 5 minutes.
        held: With a record that holds the book.
        skipped: With a record that they were skipped.
        unknown: Orders whose answer was lost once.
        ended: How processes ended before they were asked to.
        seconds: That the case took.
    """

    case: Case
    injected: int = 0
    faults: list[str] = field(default_factory=list)
    effects: Effects = field(default_factory=Effects)
    recoveries: list[float] = field(default_factory=list)
    scheduled: int = 0
    in_time: int = 0
    held: int = 0
    skipped: int = 0
    unknown: int = 0
    ended: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run_case(case: Case, prepared: Prepared, servers: Servers, scratch: Path) -> Verdict:
    """Serve a copy of the installation while the faults strike, then judge it."""
    started = time.monotonic()
    folder = scratch / "place"
    with open_place(prepared, servers, folder) as place:
        with open_scene(case, prepared, place, servers) as scene:
            recoveries, stuck = list[float](), list[str]()
            try:
                recoveries.extend(strike(scene, case))
            except NothingCame as error:
                stuck.append(f"recovery: {error}")
            before_stop = list(scene.crew.ended)
        looked = _look(case, prepared, place, scene)
    verdict = Verdict(
        case=case,
        injected=case.faults,
        faults=stuck + looked.faults,
        effects=looked.effects,
        recoveries=recoveries,
        unknown=looked.unknown,
        ended=before_stop,
        seconds=time.monotonic() - started,
    )
    return _count_sessions(verdict, scene, looked)


def find_expected(prepared: Prepared, servers: Servers, scratch: Path) -> Content:
    """The content of an undisturbed run."""
    folder = scratch / "undisturbed"
    with open_place(prepared, servers, folder) as place:
        with open_scene(Case(UNDISTURBED, 0, 0), prepared, place, servers) as scene:
            list(strike(scene, Case(UNDISTURBED, 0, 0)))

        def read() -> Content:
            with open_stores(folder, place.settings) as runtime:
                return read_content(runtime, folder)

        found: Content = children.ask(read, folder)
    return found


def strike(scene: Scene, case: Case) -> Iterator[float]:
    """Let the faults happen, each while a cycle is on its way, and everything be done in the end."""
    if case.mistake:
        MISTAKES[case.mistake].show(scene)
        scene = replace(scene, longest=MISTAKES[case.mistake].longest)
    else:
        scene.wait_closed([scene.publish_next()])
    for _ in range(case.faults):
        scene.wait_published(scene.publish_next())
        scene.hold(scene.chance.uniform(0, STROKE_SECONDS))
        if case.fault not in PUBLISHING:
            scene.publish_next()
        yield scene.wait_next_close(FAULTS[case.fault](scene))
    while len(scene.asked) < len(scene.sessions):
        scene.publish_next()
    scene.wait_closed([str(session) for session in scene.sessions])
    children.ask(lambda: wait_committed(scene.place.settings.event_log_url), scene.place.folder)


@contextmanager
def open_scene(case: Case, prepared: Prepared, place: Place, servers: Servers) -> Iterator[Scene]:
    """Members at work; at the end they are stopped, and what was delivered is written down."""
    chance = random.Random(f"{case.fault} {case.seed}")
    board, clock = Board(), Knob()
    with ExitStack() as stack:
        stack.callback(board.close)
        lines = [stack.enter_context(open_line(port)) for port in _list_slow(case, servers)]
        member = Member(place.folder, _lead_through(place.settings, servers, lines), board, clock)
        crew = Crew(MISTAKES[case.mistake].spoil(member) if case.mistake else member, place.folder)
        for _ in range(0 if case.mistake else chance.randint(1, 2)):
            crew.start()
        stack.callback(crew.stop)
        publisher = Publisher(place.settings.event_log_url, board, place.folder)
        stack.callback(publisher.close)
        scene = Scene(
            servers,
            place,
            crew,
            publisher,
            board,
            chance,
            prepared.sessions,
            prepared.letters,
            clock,
            [line.delay for line in lines],
        )
        yield scene
        crew.stop()
        delivered = "".join(f"{json.dumps(line)}\n" for line in board.find("order"))
        (place.folder / DELIVERIES).write_text(delivered)


def _list_slow(case: Case, servers: Servers) -> list[int]:
    return [servers.postgres.port, servers.redis.port] if case.fault == "slow dependency" else []


def _lead_through(settings: Settings, servers: Servers, lines: list[SlowLine]) -> Settings:
    """The same stores at the near ends of lines to database and Redis, if there are any."""
    if not lines:
        return settings
    database, redis = lines
    near = settings.ledger_url.replace(f":{servers.postgres.port}/", f":{database.port}/")
    online = settings.feature_store_url.replace(f":{servers.redis.port}/", f":{redis.port}/")
    stores = {"ledger_url": near, "broker_url": near, "checkpoints_url": near, "feature_store_url": online}
    return settings.model_copy(update=stores)


def _look(case: Case, prepared: Prepared, place: Place, scene: Scene) -> Looked:
    reordered = case.fault == "repeated and reordered"
    looked = children.run(lambda: look(prepared, place.settings, scene.poison, reordered=reordered), place.folder)
    if looked.error:
        return Looked([f"looking: {looked.detail}"], Effects(), {}, 0)
    found: Looked = looked.value
    return found


def _count_sessions(verdict: Verdict, scene: Scene, looked: Looked) -> Verdict:
    closed, outcomes = scene.closed(), looked.outcomes
    complete = {session for session, outcome in outcomes.items() if outcome not in (Outcome.HELD, Outcome.SKIPPED)}
    done = {session: closed[session] - asked for session, asked in scene.asked.items() if session in closed}
    return replace(
        verdict,
        scheduled=len(scene.asked),
        in_time=sum(seconds <= IN_TIME_SECONDS for session, seconds in done.items() if session in complete),
        held=sum(outcome == Outcome.HELD for outcome in outcomes.values()),
        skipped=sum(outcome == Outcome.SKIPPED for outcome in outcomes.values()),
    )
