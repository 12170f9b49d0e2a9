"""Whatever is asked in whatever order: one model acts live, and nobody stands in two places."""

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.test_ledger_promotions import TO_LIVE
from tests.fakes.ledger import InMemoryLedger
from tradeops.domain.errors import IllegalTransition
from tradeops.domain.identifiers import Stage, ValueRef
from tradeops.domain.models import (
    MODEL_STEPS,
    PRIOR_BLEND,
    ModelState,
    Promotion,
    Verdict,
    name_blender,
    open_stage_book,
    read_standing,
)

MODELS = (PRIOR_BLEND, name_blender(ValueRef("a" * 64)), name_blender(ValueRef("b" * 64)))
STAGED = {ModelState.SHADOW: Stage.SHADOW, ModelState.CANARY: Stage.CANARY}

Ask = tuple[int, ModelState, ModelState, int]
asks = st.tuples(st.integers(0, 2), st.sampled_from(ModelState), st.sampled_from(ModelState), st.integers(0, 2))


def make_entry(number: int, ask: Ask) -> Promotion:
    version, before, after, live = ask
    stage = STAGED.get(after)
    return replace(
        TO_LIVE,
        requested_by=f"run {number}",
        model=MODELS[version],
        version=version,
        before=before,
        after=after,
        verdict=Verdict.STAYED if before is after else Verdict.PROMOTED,
        previous_live=MODELS[live],
        book_id=open_stage_book(stage, version) if stage else None,
        opens_on=date(2009, 1, 2) if stage else None,
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(asks, max_size=60))
def test_the_ledger_takes_legal_steps_only_and_the_standing_is_one(wanted: list[Ask]) -> None:
    ledger = InMemoryLedger()
    for number, ask in enumerate(wanted):
        entry, before = make_entry(number, ask), read_standing(ledger.list_promotions())
        stands = before.states.get(entry.model, ModelState.CANDIDATE)
        moves = entry.before is not entry.after
        known_live = entry.after is not ModelState.LIVE or entry.previous_live == before.live
        steps = MODEL_STEPS[stands] if stands is not ModelState.LIVE else frozenset()  # somebody always acts live
        legal = stands is entry.before and (not moves or (entry.after in steps and known_live))
        try:
            ledger.record_promotion(entry)
            recorded = True
        except IllegalTransition:
            recorded = False
        after = read_standing(ledger.list_promotions())

        assert recorded == legal
        assert (after == before) or (recorded and moves)
        assert [model for model, state in after.states.items() if state is ModelState.LIVE] == [after.live]
        staged = {one.model: one.state for one in after.staged}
        assert staged == {model: state for model, state in after.states.items() if state in STAGED}
    ledger.verify_chains()


def test_the_accounts_of_a_stage_are_told_apart() -> None:
    books = {
        open_stage_book(stage, version, generation=generation)
        for stage in (Stage.SHADOW, Stage.CANARY)
        for version in (1, 2)
        for generation in (1, 2)
    }
    assert len(books) == 8
    assert str(open_stage_book(Stage.CANARY, 1, generation=2)) == "canary/canary/blender_v1_2"
