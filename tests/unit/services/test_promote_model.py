"""What becomes of a request: one entry each, and nothing that the rule did not say."""

from dataclasses import replace
from datetime import date

import pytest

from tests.fakes.ledger import InMemoryLedger
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import base_policy
from tests.unit.learning.test_promotion_evidence import make_evidence
from tests.unit.services.test_evaluate_model import STAGED, Scene, scene
from tradeops.domain.errors import CorruptInput, IllegalTransition, UnknownRecord
from tradeops.domain.identifiers import Stage, ValueRef
from tradeops.domain.models import (
    PRIOR_BLEND,
    ModelState,
    Promotion,
    StagedModel,
    Verdict,
    name_blender,
    open_stage_book,
    read_standing,
)
from tradeops.services.promote_model import (
    NOBODY,
    PromotionCase,
    apply_promotion,
    choose_staged,
    evaluate_promotion,
    judge_case,
    read_case,
)
from tradeops.services.roll_back_model import roll_back

__all__ = ["scene"]  # a fixture of the evaluation's scene

POLICY = base_policy().promotion
MODEL, OTHER = STAGED.model, name_blender(ValueRef("b" * 64))
OPENS_ON = date(2013, 2, 28)
SHADOW, CANARY, LIVE = ModelState.SHADOW, ModelState.CANARY, ModelState.LIVE


def to_shadow(version: int = 1, model: str = MODEL) -> Promotion:
    return Promotion(
        requested_by=f"train {version}",
        model=name_blender(ValueRef(model.removeprefix("blender/"))),
        version=version,
        before=ModelState.CANDIDATE,
        after=SHADOW,
        verdict=Verdict.PROMOTED,
        session=date(2008, 12, 31),
        evidence=None,
        approver="rule",
        previous_live=PRIOR_BLEND,
        book_id=open_stage_book(Stage.SHADOW, version),
        opens_on=date(2009, 1, 2),
    )


def better(state: ModelState = SHADOW) -> PromotionCase:
    return judge_case(make_evidence(300, -0.02, -0.03, -0.01, state), ValueRef("e" * 64), POLICY)


def no_better() -> PromotionCase:
    return judge_case(make_evidence(300, -0.02, -0.03, 0.01), ValueRef("e" * 64), POLICY)


def apply(
    ledger: InMemoryLedger, case: PromotionCase, request: str, approver: str = "ann", yes: bool = True
) -> Promotion:
    return apply_promotion(ledger, case, approver=approver, approved=yes, requested_by=request, opens_on=OPENS_ON)


@pytest.fixture
def ledger() -> InMemoryLedger:
    ledger = InMemoryLedger()
    ledger.record_promotion(to_shadow())
    return ledger


def test_a_better_shadow_gets_a_canary_s_account_by_rule_alone(ledger: InMemoryLedger) -> None:
    case = better()
    assert (case.allowed, case.needs_approval, case.would_be) == (True, False, CANARY)
    entry = apply(ledger, case, "run 1", approver="", yes=False)

    assert (entry.verdict, entry.after, entry.approver) == (Verdict.PROMOTED, CANARY, "rule")
    (staged,) = read_standing(ledger.list_promotions()).staged
    assert staged == StagedModel(
        model=MODEL, version=1, state=CANARY, book_id=open_stage_book(Stage.CANARY, 1), opens_on=OPENS_ON
    )
    assert read_standing(ledger.list_promotions()).live == PRIOR_BLEND


def test_a_shadow_that_is_no_better_stays_with_the_reason(ledger: InMemoryLedger) -> None:
    before = read_standing(ledger.list_promotions())
    entry = apply(ledger, no_better(), "run 1")

    assert (entry.verdict, entry.before, entry.after, entry.book_id) == (Verdict.STAYED, SHADOW, SHADOW, None)
    assert (entry.approver, entry.evidence, entry.session) == ("rule", "e" * 64, no_better().evidence.last_session)
    assert "does not lie below 0" in entry.reason
    assert read_standing(ledger.list_promotions()) == before


def test_a_canary_goes_live_with_approval_and_the_ledger_names_who(ledger: InMemoryLedger) -> None:
    apply(ledger, better(), "run 1")
    entry = apply(ledger, better(CANARY), "run 2")

    assert (entry.verdict, entry.approver, entry.previous_live) == (Verdict.PROMOTED, "ann", PRIOR_BLEND)
    standing = read_standing(ledger.list_promotions())
    assert (standing.live, standing.live_version, standing.staged) == (MODEL, 1, ())
    assert standing.states[PRIOR_BLEND] is ModelState.RETIRED


def check_nothing_goes_live_unapproved(ledger: InMemoryLedger, case: PromotionCase) -> None:
    """A rejection, and no answer, are entries that move nothing."""
    apply(ledger, better(), "run 1")
    for request, approver in (("run 2", "ann"), ("run 3", NOBODY)):
        entry = apply(ledger, case, request, approver, yes=False)
        assert (entry.verdict, entry.after, entry.approver) == (Verdict.REJECTED, CANARY, approver)
    assert read_standing(ledger.list_promotions()).live == PRIOR_BLEND


def test_without_approval_nothing_goes_live(ledger: InMemoryLedger) -> None:
    check_nothing_goes_live_unapproved(ledger, better(CANARY))


def test_mutant_that_asks_nobody_is_found(ledger: InMemoryLedger) -> None:
    with pytest.raises(AssertionError):
        check_nothing_goes_live_unapproved(ledger, replace(better(CANARY), needs_approval=False))


def test_approval_does_not_help_what_the_rule_refuses(ledger: InMemoryLedger) -> None:
    apply(ledger, better(), "run 1")
    worse = judge_case(make_evidence(300, 0.02, 0.01, 0.03, CANARY), ValueRef("e" * 64), POLICY)

    assert apply(ledger, worse, "run 2", yes=True).verdict is Verdict.STAYED


def test_the_same_request_is_one_entry_even_after_the_model_has_moved(ledger: InMemoryLedger) -> None:
    first = apply(ledger, better(), "run 1")
    apply(ledger, better(CANARY), "run 2")

    assert apply(ledger, better(), "run 1") == first
    assert apply(ledger, no_better(), "run 1") == first
    assert len(ledger.list_promotions()) == 3


def test_a_case_is_refused_when_the_model_has_moved_on(ledger: InMemoryLedger) -> None:
    apply(ledger, better(), "run 1")
    with pytest.raises(IllegalTransition, match="stands at canary"):
        apply(ledger, better(), "run 2")


def test_evidence_against_one_incumbent_does_not_replace_another(ledger: InMemoryLedger) -> None:
    case = better()
    other = replace(case, evidence=replace(case.evidence, incumbent=OTHER))
    with pytest.raises(IllegalTransition, match="evaluate again"):
        apply(ledger, other, "run 1")


def test_a_second_time_in_canary_is_another_account(ledger: InMemoryLedger) -> None:
    apply(ledger, better(), "run 1")
    back = replace(
        to_shadow(), requested_by="ann", before=CANARY, book_id=open_stage_book(Stage.SHADOW, 1, generation=2)
    )
    ledger.record_promotion(back)

    assert apply(ledger, better(), "run 2").book_id == open_stage_book(Stage.CANARY, 1, generation=2)


def test_without_a_version_the_canary_is_due_and_else_the_oldest_shadow() -> None:
    ledger = InMemoryLedger()
    for version, model in ((1, "a" * 64), (2, "b" * 64), (3, "c" * 64)):
        ledger.record_promotion(to_shadow(version, model))

    def choose(version: int | None = None) -> int:
        return choose_staged(read_standing(ledger.list_promotions()), version).version

    assert (choose(), choose(3)) == (1, 3)
    apply(ledger, replace(better(), model=OTHER, version=2), "run 1")
    assert choose() == 2
    with pytest.raises(UnknownRecord, match=r"no version 7 .* staged: v1 \(shadow\), v3 \(shadow\), v2 \(canary\)"):
        choose(7)


def test_nothing_staged_is_said_with_its_remedy() -> None:
    with pytest.raises(UnknownRecord, match="run train_blender first"):
        choose_staged(read_standing(()))


def test_what_acts_live_already_cannot_go_on(ledger: InMemoryLedger) -> None:
    apply(ledger, better(), "run 1")
    apply(ledger, better(CANARY), "run 2")
    with pytest.raises(UnknownRecord, match="v1 acts live already"):
        choose_staged(read_standing(ledger.list_promotions()), 1)


def test_a_yes_after_a_rollback_does_not_bring_the_model_live_against_another_incumbent(ledger: InMemoryLedger) -> None:
    """The question waits, live is rolled back meanwhile, then somebody approves."""
    apply(ledger, better(), "run 1")
    apply(ledger, better(CANARY), "run 2")
    ledger.record_promotion(replace(to_shadow(2, OTHER), previous_live=MODEL))
    first = replace(better(), model=OTHER, version=2, evidence=replace(better().evidence, incumbent=MODEL))
    apply(ledger, first, "run 3")
    asked = replace(first, before=CANARY, would_be=ModelState.LIVE, needs_approval=True)
    roll_back(ledger, requested_by="r", person="bob", session=first.evidence.last_session, reason="it loses")

    with pytest.raises(IllegalTransition, match="evaluate again"):
        apply(ledger, asked, "run 4")
    assert read_standing(ledger.list_promotions()).live == PRIOR_BLEND


def test_a_case_is_made_again_from_its_stored_evidence(scene: Scene) -> None:
    scene.live.ledger.record_promotion(replace(to_shadow(), opens_on=STAGED.opens_on))
    scene.run(8)
    scene.load(20)
    case = evaluate_promotion(scene.evaluator)

    assert (case.model, case.before, case.allowed, case.evidence.sessions) == (MODEL, SHADOW, False, 5)
    assert case.reason == "5 evaluated sessions; a shadow needs 250"
    assert read_case(scene.live.values, case.evidence_ref, scene.live.policy.promotion) == case


def test_what_is_no_evidence_cannot_be_applied() -> None:
    values = InMemoryValueStore()
    for data in (b'{"allowed":true}', make_evidence(3, -1, -1, -1).canonical_bytes + b" "):
        with pytest.raises(CorruptInput):
            read_case(values, values.put(data), POLICY)
