"""What is done to an installation, and what is found afterwards."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from graphs.decision_cycle.run_cycle import Durability
from tests.faults import children, findings
from tests.faults.fail_points import Tripwire
from tests.faults.findings import Content
from tests.faults.installation import Opening, open_installation, run_sessions
from tests.faults.mutants import MUTANTS
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.claims import Claim, ClaimRequest
from tradeops.domain.errors import CycleHeld

SHORT_LIFE = 0.2
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
            place, take its cycle over, and let it go on.
        book: `staged`: the live book is decided first; the place is met while a model's own book is.
    """

    kind: Literal["kill", "pair", "insist", "zombie"]
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
    """

    struck: bool
    faults: list[str]
    ended: list[str]


def run_case(case: Case, prepared: Prepared, scratch: Path) -> Verdict:
    """Do it to a copy of the prepared installation."""
    folder = scratch / str(os.getpid())
    shutil.copytree(prepared.state, folder)
    try:
        return {"kill": run_kill, "pair": run_pair, "insist": run_pair, "zombie": run_zombie}[case.kind](
            case, prepared, folder
        )
    finally:
        shutil.rmtree(folder)


def run_kill(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    killed = children.run(lambda: _run(case, prepared, folder, Tripwire(case.place)), folder)
    early = children.run(lambda: _look_early(folder), folder)
    again = children.run(lambda: _run(case, prepared, folder), folder)
    faults = [*(early.value or [early.detail] * bool(early.error)), *_explain("second run", again)]
    return Verdict(
        struck=killed.signal == signal.SIGKILL,
        faults=faults + _look(prepared, folder),
        ended=[_describe(killed), _describe(again)],
    )


def run_pair(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    answers = [folder / "one.pickle", folder / "other.pickle"]
    moment = time.monotonic() + 0.15
    pids = [children.start(lambda: _run_at(moment, case, prepared, folder), answer) for answer in answers]
    ended = [children.finish(pid, answer) for pid, answer in zip(pids, answers, strict=True)]
    faults = [text for end in ended if end.error != "CycleHeld" for text in _explain("one of two", end)]
    if not any(end.error == "" for end in ended):
        faults.append("pair: nobody won")
    return Verdict(struck=True, faults=faults + _look(prepared, folder), ended=[_describe(end) for end in ended])


def run_zombie(case: Case, prepared: Prepared, folder: Path) -> Verdict:
    wire = Tripwire(case.place, strike=children.stop_here)
    answer = folder / "zombie.pickle"
    pid = children.start(lambda: _run(case, prepared, folder, wire, short_lived=True), answer)
    _, status = os.waitpid(pid, os.WUNTRACED)
    time.sleep(1.5 * SHORT_LIFE)
    heir = children.run(lambda: _run(case, prepared, folder), folder)
    os.kill(pid, signal.SIGCONT)
    zombie = children.finish(pid, answer)
    faults = [*_explain("heir", heir), *_look(prepared, folder)]
    # Between asking the broker and sending there is a moment that no claim can guard; there the
    # broker's own answer to a known order holds, and what it accepted is compared above.
    faults = [fault for fault in faults if not ("order" in case.place.split() and "was sent" in fault)]
    if zombie.error != "StaleEpoch":
        faults.append(f"zombie: ended as {_describe(zombie)}, not by StaleEpoch")
    return Verdict(struck=os.WIFSTOPPED(status), faults=faults, ended=[_describe(zombie), _describe(heir)])


def _run(
    case: Case, prepared: Prepared, folder: Path, wire: Tripwire | None = None, *, short_lived: bool = False
) -> None:
    change = MUTANTS[case.mutant]
    opening = Opening(case.durability, wire or Tripwire("nowhere"), _shorten(change) if short_lived else change)
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


def _shorten(change: Callable[[Runtime], Runtime]) -> Callable[[Runtime], Runtime]:
    """Claims of this process do not outlive a short pause."""

    def changed(runtime: Runtime) -> Runtime:
        runtime = change(runtime)
        return replace(runtime, ledger=_ShortClaims(runtime.ledger))  # type: ignore[arg-type]

    return changed


@dataclass(frozen=True)
class _ShortClaims:
    inner: Any

    def claim_cycle(self, request: ClaimRequest) -> Claim:
        claim: Claim = self.inner.claim_cycle(replace(request, ttl_seconds=SHORT_LIFE))
        return claim

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _look(prepared: Prepared, folder: Path) -> list[str]:
    def find() -> list[str]:
        with open_plainly(folder) as runtime:
            return findings.find_faults(runtime, folder, prepared.expected)

    looked = children.run(find, folder)
    return looked.value if not looked.error else _explain("looking", looked)


def _look_early(folder: Path) -> list[str]:
    with open_plainly(folder) as runtime:
        return findings.find_early_orders(runtime)


@contextmanager
def open_plainly(folder: Path) -> Iterator[Runtime]:
    with open_installation(folder, Opening(wire=Tripwire("nowhere"))) as runtime:
        yield runtime


def _explain(who: str, ended: children.Ended) -> list[str]:
    if ended.signal or ended.error:
        return [f"{who}: {_describe(ended)} {ended.detail}"]
    return []


def _describe(ended: children.Ended) -> str:
    return f"signal {ended.signal}" if ended.signal else ended.error or "well"
