"""Runs cases in a process of its own: `python -m tests.faults.suite FOLDER < cases > verdicts`."""

import pickle
import shutil
import sys
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults import children
from tests.faults.cases import Case, Prepared, Verdict, open_plainly, run_case, run_prepared
from tests.faults.children import ask
from tests.faults.fail_points import Tripwire
from tests.faults.findings import BOOK, Content, read_content
from tests.faults.installation import Opening, move_clock, open_installation, trading_calendar, warm
from tests.unit.coordination.boosters import train_booster
from tradeops.coordination.boosted_blend import BlenderInputs, StoredBlender
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.identifiers import AgentId, Stage
from tradeops.domain.models import PRIOR_BLEND, ModelState, Promotion, name_blender, open_stage_book
from tradeops.domain.models import Verdict as PromotionVerdict
from tradeops.settings import Settings

WIDTH = 2
OPENS_ON = date(2001, 3, 1)
LOOK_UNTIL = date(2001, 6, 29)
AFTER = 3  # sessions decided after the one with orders
NOTHING = Content({}, {}, [], [], {}, [], [], [], {})
INPUTS = BlenderInputs(agents=(AgentId("macro"), AgentId("technical")), features=("ret_5", "vol_20"))


def make_blender() -> StoredBlender:
    """Real boosters that learned nothing of this market."""
    texts = [train_booster(1, len(INPUTS.names), level).model_to_string() for level in QUANTILE_LEVELS]
    return StoredBlender(inputs=INPUTS, boosters=tuple(texts))


def prepare(folder: Path) -> Prepared:
    """Decide sessions until shortly before the first one with several orders."""
    trial, state = folder / "trial", folder / "prepared"
    first = ask(lambda: find_first(trial), folder)
    sessions = trading_calendar().sessions(OPENS_ON, first + timedelta(days=14))
    place = sessions.index(first)
    ask(lambda: decide_until(state, sessions[place - 1]), folder)
    return _expect(Prepared(state=state, until=sessions[place + AFTER], expected=NOTHING), folder)


def prepare_staged(live: Prepared, folder: Path) -> Prepared:
    """The same with a model in shadow, whose book opens where the live one goes on."""
    state = folder / "prepared-staged"
    shutil.copytree(live.state, state)
    ask(lambda: _enter_shadow(state), folder)
    return _expect(replace(live, state=state, staged=True), folder)


def _expect(prepared: Prepared, folder: Path) -> Prepared:
    undisturbed = folder / f"undisturbed-{prepared.state.name}"
    shutil.copytree(prepared.state, undisturbed)

    def run() -> Content:
        run_prepared(prepared, undisturbed, Opening(wire=Tripwire("nowhere")))
        with open_plainly(undisturbed) as runtime:
            return read_content(runtime, undisturbed)

    return replace(prepared, expected=ask(run, folder))


def _enter_shadow(folder: Path) -> None:
    with open_plainly(folder) as runtime:
        last = runtime.ledger.last_closed_session(BOOK)
        assert last is not None
        runtime.ledger.record_promotion(
            Promotion(
                requested_by="fault suite",
                model=name_blender(runtime.values.put(make_blender().encode())),
                version=1,
                before=ModelState.CANDIDATE,
                after=ModelState.SHADOW,
                verdict=PromotionVerdict.PROMOTED,
                session=last,
                evidence=None,
                approver="rule",
                previous_live=PRIOR_BLEND,
                book_id=open_stage_book(Stage.SHADOW, 1),
                opens_on=runtime.calendar.next_session(last),
            )
        )


def list_reached(prepared: Prepared, folder: Path, durability: Any) -> dict[str, int]:
    """All places that an undisturbed run passes, with how often."""
    copy = folder / f"reached-{durability}-{prepared.state.name}"
    shutil.copytree(prepared.state, copy)
    wire = Tripwire()

    def run() -> dict[str, int]:
        run_prepared(prepared, copy, Opening(durability, wire))
        return wire.reached

    reached: dict[str, int] = ask(run, folder)
    return reached


def find_first(folder: Path) -> date:
    """The first session with two orders or more, after one with any, so that fills settle in it too."""
    decide_until(folder, LOOK_UNTIL)
    with open_plainly(folder) as runtime:
        found = [record.decision for record in runtime.ledger.list_decisions(BOOK)]
    return next(now.session for before, now in pairwise(found) if before.orders and now.orders[1:])


def decide_until(folder: Path, until: date, settings: Settings | None = None) -> None:
    """Close and decide all sessions up to one."""
    with open_installation(folder, Opening(wire=Tripwire("nowhere"), settings=settings)) as runtime:
        move_clock(runtime, until, f"prepared until {until}")
        runtime.decide_sessions(until=until)


def main() -> None:
    """Answer the cases read from standard input with a dictionary of verdicts."""
    folder = Path(sys.argv[1])
    cases: list[Case] = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - the test that started this wrote it
    warm()
    live = prepare(folder)
    prepared = {"live": live, "staged": prepare_staged(live, folder)}
    reached = {
        f"{durability} {book}": list_reached(each, folder, durability)
        for durability in ("exit", "sync")
        for book, each in prepared.items()
    }
    works = [partial(run_case, case, prepared[case.book], folder) for case in cases]
    ended = children.run_in_pool(works, folder / "answers", WIDTH)
    verdicts = [e.value if not e.error else Verdict(struck=False, faults=[e.detail], ended=[e.error]) for e in ended]
    sys.stdout.buffer.write(pickle.dumps({"reached": reached, "verdicts": dict(zip(cases, verdicts, strict=True))}))


if __name__ == "__main__":
    main()
