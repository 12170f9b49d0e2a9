"""Which sessions count as evidence, and what they say, on a market written down."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from tests.fakes.book_runner import BookRunner, Wish
from tests.unit.examples import build_state, build_view, policy_with
from tests.unit.services.test_settle_session import DAYS, open_runner
from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import ClockMove
from tradeops.domain.decisions import CycleInputs
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import InstrumentId, PolicyVersion, Stage, ValueRef
from tradeops.domain.models import PRIOR_BLEND, ModelRef, ModelState, StagedModel, name_blender, open_stage_book
from tradeops.domain.orders import Side
from tradeops.domain.verdicts import KillSwitch
from tradeops.services import evaluate_model
from tradeops.services.cycle.stored_values import encode_forecasts
from tradeops.services.evaluate_model import ModelEvaluator

MODEL = name_blender(ValueRef("a" * 64))
OPENS = 3
STAGED = StagedModel(
    model=MODEL,
    version=1,
    state=ModelState.SHADOW,
    book_id=open_stage_book(Stage.SHADOW, 1),
    opens_on=DAYS[OPENS],
)


@dataclass
class Scene:
    """A shadow beside live; A and B open and close at 10 until A trades at 11 from row 9 on."""

    live: BookRunner
    shadow: BookRunner
    until: int = 0

    @property
    def evaluator(self) -> ModelEvaluator:
        run = self.live
        return ModelEvaluator(
            ledger=run.ledger, values=run.values, source=run.source, calendar=run.calendar, policy=run.policy
        )

    def decide(self, runner: BookRunner, row: int, names: str | None, model: ModelRef, **more: object) -> None:
        runner.settle(DAYS[row])
        quantile = 0.1 if model == MODEL else 0.0
        ref = runner.values.put(flat_forecasts(names, quantile)) if names else None
        wishes = [Wish("1", Side.BUY, "A", 100)] if more.get("buys") else []
        inputs = make_inputs(model, KillSwitch(str(more.get("switch", "off"))))
        runner.decide(DAYS[row], wishes, forecasts=ref, inputs=inputs)

    def run(self, until: int, *, live: str | None = "AB", shadow: str | None = "AB") -> None:
        for row in range(self.until, until):
            self.decide(self.live, row, live, PRIOR_BLEND)
            if row >= OPENS:
                self.decide(self.shadow, row, shadow, MODEL)
        self.until = until

    def load(self, row: int) -> None:
        ledger = self.live.ledger
        move = ClockMove(before=ledger.market_clock(), after=DAYS[row], sessions=1, requested_by=f"load {row}")
        ledger.record_clock_move(move)


def flat_forecasts(names: str, quantile: float) -> bytes:
    count = len(names)
    return encode_forecasts(
        Forecasts(
            instruments=tuple(InstrumentId(name) for name in names),
            score=np.zeros(count),
            mean=np.zeros(count),
            sigma=np.ones(count),
            quantiles=np.full((count, 5), quantile),
            probability_up=np.full(count, 0.5),
        )
    )


def make_inputs(model: str, switch: KillSwitch = KillSwitch.OFF) -> CycleInputs:
    bundle = Bundle(model=model, prompt="none", policy=PolicyVersion("p"), feature_schema="f", code="c")
    state = replace(build_state(build_view([[10.0]])), kill_switch=switch)
    return CycleInputs(view=ValueRef("v" * 64), state=state, learner_states={}, bundle=bundle)


@pytest.fixture
def scene() -> Scene:
    policy = policy_with(promotion={"block": 2})
    live = open_runner({"A": {row: "11" for row in range(9, 40)}}, policy=policy, sessions=40)
    return Scene(live, replace(live, book_id=STAGED.book_id, opens_on=DAYS[OPENS]))


def test_a_session_counts_once_its_last_open_is_known(scene: Scene) -> None:
    scene.run(8)
    counts = []
    for row in (8, 9, 10, 13):
        scene.load(row)
        counts.append(scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND).sessions)

    assert counts == [0, 1, 2, 5]  # the shadow's first session is row 3: out at the open of row 9


def test_losses_and_their_difference_are_those_computed_by_hand(scene: Scene) -> None:
    """In at row 4, out at row 9 where A opens at 11: A +10 %, B 0 %; flat quantiles lose half the distance."""
    scene.run(6)
    scene.load(10)
    evidence = scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND)

    assert [loss.session for loss in evidence.losses] == [DAYS[3], DAYS[4]]
    for loss in evidence.losses:
        assert loss.names == 2
        assert loss.candidate == pytest.approx((0.0 + 0.05) / 2)  # forecast +10 % for both
        assert loss.incumbent == pytest.approx((0.05 + 0.0) / 2)  # forecast 0 % for both
    assert evidence.difference is not None
    assert evidence.difference.value == pytest.approx(0.0)
    assert (evidence.last_session, evidence.interventions) == (DAYS[4], 0)
    assert scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND).canonical_bytes == evidence.canonical_bytes


def test_only_names_that_both_forecast_are_compared(scene: Scene) -> None:
    scene.run(4, shadow="A")
    scene.run(5, shadow=None)
    scene.run(6, live=None)
    scene.run(7, live="B", shadow="A")
    scene.load(20)
    (loss,) = scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND).losses

    assert (loss.session, loss.names) == (DAYS[3], 1)
    assert (loss.candidate, loss.incumbent) == (pytest.approx(0.0), pytest.approx(0.05))


def test_only_sessions_that_the_incumbent_decided_itself_count(scene: Scene) -> None:
    scene.run(5)
    other = name_blender(ValueRef("b" * 64))
    for row in (5, 6):
        scene.decide(scene.live, row, "AB", other)
        scene.decide(scene.shadow, row, "AB", MODEL)
    scene.load(20)

    def sessions(incumbent: ModelRef) -> list[date]:
        evidence = scene.evaluator.gather_evidence(STAGED, incumbent=incumbent)
        return [loss.session for loss in evidence.losses]

    assert sessions(PRIOR_BLEND) == [DAYS[3], DAYS[4]]
    assert sessions(other) == [DAYS[5], DAYS[6]]


def test_profit_of_both_books_over_the_evaluated_sessions_is_given_beside(scene: Scene) -> None:
    """Live buys 100 A for about 10 in row 1; A closes at 11 from row 9 on: its profit lies in that session."""
    scene.decide(scene.live, 0, "AB", PRIOR_BLEND, buys=True)
    scene.until = 1
    scene.run(12)
    scene.load(16)
    evidence = scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND)

    assert evidence.last_session == DAYS[10]
    assert evidence.incumbent_profit == Decimal(100)
    assert evidence.profit == 0


def test_a_kill_switch_on_either_side_is_an_intervention(scene: Scene) -> None:
    scene.run(3)
    for row, (live, shadow) in enumerate([("off", "off"), ("freeze", "off"), ("off", "close_only")], 3):
        scene.decide(scene.live, row, "AB", PRIOR_BLEND, switch=live)
        scene.decide(scene.shadow, row, "AB", MODEL, switch=shadow)
    scene.load(20)
    evidence = scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND)

    assert [loss.intervened for loss in evidence.losses] == [False, True, True]
    assert evidence.undisturbed == evidence.losses[0].candidate - evidence.losses[0].incumbent


def test_nothing_loaded_and_nothing_decided_is_no_evidence(scene: Scene) -> None:
    empty = scene.evaluator.gather_evidence(STAGED, incumbent=PRIOR_BLEND)
    assert (empty.sessions, empty.difference, empty.undisturbed, empty.profit) == (0, None, None, 0)


def test_mutant_that_takes_prices_of_another_horizon_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ModelEvaluator._find_holding
    monkeypatch.setattr(ModelEvaluator, "_find_holding", lambda made, session: right(made, session)[:-1])
    with pytest.raises(AssertionError):
        test_losses_and_their_difference_are_those_computed_by_hand(scene)


def test_mutant_that_counts_any_live_decision_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_model, "_decided_by", lambda _record: PRIOR_BLEND)
    with pytest.raises(AssertionError):
        test_only_sessions_that_the_incumbent_decided_itself_count(scene)
