"""What is done to an installation, and what is found afterwards."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from graphs.decision_cycle.run_cycle import Durability
from tests.evidence.effects import Effects, compare_effects
from tests.faults import children, findings
from tests.faults.fail_points import Tripwire
from tests.faults.findings import Content
from tests.faults.installation import Opening, open_installation, run_sessions
from tests.faults.mutants import MUTANTS
from tests.faults.recovery import time_recovery
from tests.faults.standing import stand_still
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.claims import Claim, ClaimRequest
from tradeops.domain.errors import CycleHeld

SHORT_LIFE = 0.2
LONG_LIFE = 3600.0
RETRY_SECONDS = 0.002


@dataclass(frozen=True)
class Prepared:
    """An installation shortly before a session with several orders.

    Args:
        state: Its folder; copied for each case, never changed.
        until: The last session to decide.
        expected: What it must hold at the end.
        staged: Whether a model in shadow decides beside the live one; places are then its own book's.
    """

    state: Path
    until: date
    expected: Content
    staged: bool = False


@dataclass(frozen=True)
class Case:
    """One thing done.

    Args:
        kind: `kill` a process at a place and run again; run a `pair` at once; `insist`: run a pair
            and let who finds a cycle held try again; `zombie`: let a process stand still at a
            place, take its cycle over, and let it go on; `overtake`: the same, and who took the cycle
            over stands still before it sends until the first one has ended; `hold`: let a process stand
            still at a place while its claim lives, and let another one try to take its cycle over.
        number: Of one of several equal cases; of a kill, which time the place is met, 1 when it is 0.
        book: `staged`: the live book is decided first; the place is met while a model's own book is.
    """

    kind: Literal["kill", "pair", "insist", "zombie", "overtake", "hold"]
    durability: Durability
    place: str = ""
    mutant: str = "none"
    number: int = 0
    book: Literal["live", "staged"] = "live"

    def __str__(self) -> str:
        book, mutant = self.book.removeprefix("live"), self.mutant.removeprefix("none")
        parts = [self.kind, self.durability, book, self.place, mutant]
        return "-".join(part.replace(" ", "_") for part in parts if part) + (f"-{self.number}" if self.number else "")


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Args:
        struck: True when the place was reached and had its effect.
        faults: Everything that is wrong; empty when all is well.
        ended: How the processes ended, for a reader.
        recovery: Milliseconds from the beginning of the second process, already warm, until it closed a
            cycle, or had found that nothing is left to do; of a kill.
    """

    struck: bool
    faults: list[str]
    ended: list[str]
    effects: Effects = field(default_factory=Effects)
    recovery: float = 0.0


Looked = tuple[list[str], Effects]


def run_case(case: Case, prepared: Prepared, scratch: Path) -> Verdict:
    """Do it to a copy of the prepared installation."""
    folder = scratch / str(os.getpid())
    shutil.copytree(prepared.state, folder)
    try:
        return _RUNS[case.kind](case, prepared, folder)
    finally:
        shutil.rmtree(folder)


def run_kill(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    wire = Tripwire(case.place, occurrence=max(1, case.number))
    killed = children.run(lambda: _run(case, prepared, folder, wire), folder)
    early = children.run(lambda: look_early(folder), folder)
    again = children.run(lambda: time_recovery(lambda wire: _run(case, prepared, folder, wire)), folder)
    faults = [*(early.value or [early.detail] * bool(early.error)), *explain("second run", again)]
    found, effects = look(prepared.expected, folder)
    return Verdict(
        struck=killed.signal == signal.SIGKILL,
        faults=faults + found,
        ended=[_describe(killed), _describe(again)],
        effects=effects,
        recovery=again.value or 0.0,
    )


def run_pair(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    answers = [folder / "one.pickle", folder / "other.pickle"]
    moment = time.monotonic() + 0.15
    pids = [children.start(lambda: _run_at(moment, case, prepared, folder), answer) for answer in answers]
    ended = [children.finish(pid, answer) for pid, answer in zip(pids, answers, strict=True)]
    faults = [text for end in ended if end.error != "CycleHeld" for text in explain("one of two", end)]
    if not any(end.error == "" for end in ended):
        faults.append("pair: nobody won")
    found, effects = look(prepared.expected, folder)
    return Verdict(struck=True, faults=faults + found, ended=[_describe(end) for end in ended], effects=effects)


def run_zombie(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    wire = Tripwire(case.place, strike=children.stop_here)
    standing = stand_still(lambda: _run(case, prepared, folder, wire, life=SHORT_LIFE), folder / "zombie")
    time.sleep(1.5 * SHORT_LIFE)
    heir = children.run(lambda: _run(case, prepared, folder), folder)
    zombie = standing.go_on()
    found, effects = look(prepared.expected, folder)
    faults = [*explain("heir", heir), *found]
    # Between asking the broker and sending there is a moment that no claim can guard; there the
    # broker's own answer to a known order holds, and what it accepted is compared above.
    faults = [fault for fault in faults if not ("order" in case.place.split() and "was sent" in fault)]
    return _judge_zombie(zombie, heir, Verdict(standing.stopped, faults, [], effects))


def run_overtake(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    wire, late = (Tripwire(place, strike=children.stop_here) for place in (case.place, "before order 1"))
    first = stand_still(lambda: _run(case, prepared, folder, wire, life=SHORT_LIFE), folder / "zombie")
    time.sleep(1.5 * SHORT_LIFE)
    second = stand_still(lambda: _run(case, prepared, folder, late), folder / "heir")
    zombie, heir = first.go_on(), second.go_on()
    found, effects = look(prepared.expected, folder)
    verdict = Verdict(first.stopped and second.stopped, [*explain("heir", heir), *found], [], effects)
    return _judge_zombie(zombie, heir, verdict)


def run_hold(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    wire = Tripwire(case.place, strike=children.stop_here)
    standing = stand_still(lambda: _run(case, prepared, folder, wire, life=LONG_LIFE), folder / "owner")
    other = children.run(lambda: _run(case, prepared, folder), folder)
    owner = standing.go_on()
    found, effects = look(prepared.expected, folder)
    robbed = [] if other.error == "CycleHeld" else [f"other: ended as {_describe(other)}, not by CycleHeld"]
    faults = [*explain("owner", owner), *robbed, *found]
    return Verdict(standing.stopped, faults, [_describe(owner), _describe(other)], effects)


def _judge_zombie(zombie: children.Ended, heir: children.Ended, verdict: Verdict) -> Verdict:
    stale = [] if zombie.error == "StaleEpoch" else [f"zombie: ended as {_describe(zombie)}, not by StaleEpoch"]
    return replace(verdict, faults=verdict.faults + stale, ended=[_describe(zombie), _describe(heir)])


_RUNS = {
    "kill": run_kill,
    "pair": run_pair,
    "insist": run_pair,
    "zombie": run_zombie,
    "overtake": run_overtake,
    "hold": run_hold,
}


def _run(
    case: Case, prepared: Prepared, folder: Path, wire: Tripwire | None = None, *, life: float | None = None
) -> None:
    change = MUTANTS[case.mutant]
    opening = Opening(case.durability, wire or Tripwire("nowhere"), _claim_for(life, change) if life else change)
    run_prepared(prepared, folder, opening)


def run_prepared(prepared: Prepared, folder: Path, opening: Opening) -> None:
    """Decide everything; places are met in the book that the installation was prepared for."""
    opening.wire.armed = not prepared.staged
    with open_installation(folder, opening) as runtime:
        run_sessions(runtime, prepared.until)
        if prepared.staged:
            opening.wire.armed = True
            runtime.decide_staged(until=prepared.until)


def _run_at(moment: float, case: Case, prepared: Prepared, folder: Path) -> None:
    with open_installation(folder, Opening(case.durability, Tripwire("nowhere"), MUTANTS[case.mutant])) as runtime:
        time.sleep(max(0.0, moment - time.monotonic()))
        while True:
            try:
                return run_sessions(runtime, prepared.until)
            except CycleHeld:
                if case.kind != "insist":
                    raise
                time.sleep(RETRY_SECONDS)


def _claim_for(life: float, change: Callable[[Runtime], Runtime]) -> Callable[[Runtime], Runtime]:
    """Claims of this process live for so many seconds: less than a short pause, or more than any."""

    def changed(runtime: Runtime) -> Runtime:
        runtime = change(runtime)
        return replace(runtime, ledger=_TimedClaims(runtime.ledger, life))  # type: ignore[arg-type]

    return changed


@dataclass(frozen=True)
class _TimedClaims:
    inner: Any
    life: float

    def claim_cycle(self, request: ClaimRequest) -> Claim:
        claim: Claim = self.inner.claim_cycle(replace(request, ttl_seconds=self.life))
        return claim

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def look(expected: Content, folder: Path) -> Looked:
    """Everything that is wrong at the end, and how many effects differ."""

    def find() -> Looked:
        with open_plainly(folder) as runtime:
            faults = findings.find_faults(runtime, folder, expected)
            found = findings.read_content(runtime, folder)
        sent = [line["order"] for line in findings.read_deliveries(folder)]
        return faults, compare_effects(found, expected, sent)

    looked = children.run(find, folder)
    return (explain("looking", looked), Effects()) if looked.error else looked.value


def look_early(folder: Path) -> list[str]:
    """Everything that is wrong right after a death."""
    with open_plainly(folder) as runtime:
        return findings.find_early_orders(runtime)


@contextmanager
def open_plainly(folder: Path) -> Iterator[Runtime]:
    with open_installation(folder, Opening(wire=Tripwire("nowhere"))) as runtime:
        yield runtime


def explain(who: str, ended: children.Ended) -> list[str]:
    if ended.signal or ended.error:
        return [f"{who}: {_describe(ended)} {ended.detail}"]
    return []


def _describe(ended: children.Ended) -> str:
    return f"signal {ended.signal}" if ended.signal else ended.error or "well"
