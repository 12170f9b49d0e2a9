"""Runs cases in a process of its own: `python -m tests.faults.suite FOLDER < cases > verdicts`."""

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults import children
from tests.faults.cases import Case, Prepared, Verdict, open_plainly, run_case
from tests.faults.fail_points import Tripwire
from tests.faults.findings import BOOK, read_content
from tests.faults.installation import Opening, open_installation, run_sessions, trading_calendar, warm

WIDTH = 2
OPENS_ON = date(2001, 3, 1)
LOOK_UNTIL = date(2001, 6, 29)
AFTER = 3  # sessions decided after the one with orders


def prepare(folder: Path) -> Prepared:
    """Decide sessions until shortly before the first one with several orders."""
    trial, state, undisturbed = folder / "trial", folder / "prepared", folder / "undisturbed"
    first = _ask(lambda: _find_first(trial), folder)
    sessions = trading_calendar().sessions(OPENS_ON, first + timedelta(days=14))
    place = sessions.index(first)
    _ask(lambda: _decide_until(state, sessions[place - 1]), folder)
    shutil.copytree(state, undisturbed)
    until, count = sessions[place + AFTER], AFTER + 1

    def run_undisturbed() -> Any:
        with open_plainly(undisturbed) as runtime:
            run_sessions(runtime, count, until)
            return read_content(runtime, undisturbed)

    content = _ask(run_undisturbed, folder)
    return Prepared(state=state, until=until, count=count, expected=content)


def list_reached(prepared: Prepared, folder: Path, durability: Any) -> dict[str, int]:
    """All places that an undisturbed run passes, with how often."""
    copy = folder / f"reached-{durability}"
    shutil.copytree(prepared.state, copy)
    wire = Tripwire()

    def run() -> dict[str, int]:
        with open_installation(copy, Opening(durability, wire)) as runtime:
            run_sessions(runtime, prepared.count, prepared.until)
        return wire.reached

    reached: dict[str, int] = _ask(run, folder)
    return reached


def _find_first(folder: Path) -> date:
    """The first session with two orders or more, after one with any, so that fills settle in it too."""
    _decide_until(folder, LOOK_UNTIL)
    with open_plainly(folder) as runtime:
        found = [record.decision for record in runtime.ledger.list_decisions(BOOK)]
    return next(now.session for before, now in pairwise(found) if before.orders and now.orders[1:])


def _decide_until(folder: Path, until: date) -> None:
    with open_plainly(folder) as runtime:
        runtime.move_market_clock(to=until, requested_by=f"prepared until {until}")
        runtime.decide_sessions(until=until)


def _ask(work: Callable[[], Any], folder: Path) -> Any:
    ended = children.run(work, folder)
    if ended.signal or ended.error:
        raise RuntimeError(f"signal {ended.signal} {ended.detail}")
    return ended.value


def main() -> None:
    """Answer the cases read from standard input with a dictionary of verdicts."""
    folder = Path(sys.argv[1])
    cases: list[Case] = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - the test that started this wrote it
    warm()
    prepared = prepare(folder)
    reached = {durability: list_reached(prepared, folder, durability) for durability in ("exit", "sync")}
    works = [partial(run_case, case, prepared, folder) for case in cases]
    ended = children.run_in_pool(works, folder / "answers", WIDTH)
    verdicts = [e.value if not e.error else Verdict(struck=False, faults=[e.detail], ended=[e.error]) for e in ended]
    os.write(1, pickle.dumps({"reached": reached, "verdicts": dict(zip(cases, verdicts, strict=True))}))


if __name__ == "__main__":
    main()
