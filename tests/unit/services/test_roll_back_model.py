"""The way back through the promotions, one entry a request."""

from dataclasses import replace
from datetime import date

import pytest

from tests.fakes.ledger import InMemoryLedger
from tests.unit.services.test_promote_model import CANARY, LIVE, MODEL, OTHER, SHADOW, to_shadow
from tradeops.domain.errors import ConfigurationError, LearningError
from tradeops.domain.identifiers import Stage
from tradeops.domain.models import PRIOR_BLEND, ModelRef, ModelState, Promotion, Verdict, open_stage_book, read_standing
from tradeops.services.roll_back_model import roll_back

SESSION = date(2013, 2, 28)


def go_live(ledger: InMemoryLedger, model: ModelRef, version: int) -> None:
    """From candidate through every stage."""
    live = read_standing(ledger.list_promotions()).live
    first = replace(to_shadow(version, model), previous_live=live)
    canary = replace(first, before=SHADOW, after=CANARY, requested_by=f"c{version}")
    canary = replace(canary, book_id=open_stage_book(Stage.CANARY, version))
    last = replace(first, before=CANARY, after=LIVE, requested_by=f"l{version}", book_id=None, opens_on=None)
    for entry in (first, canary, last):
        ledger.record_promotion(entry)


def back(ledger: InMemoryLedger, request: str) -> Promotion:
    return roll_back(ledger, requested_by=request, person="ann", session=SESSION, reason="it loses")


@pytest.fixture
def ledger() -> InMemoryLedger:
    ledger = InMemoryLedger()
    go_live(ledger, MODEL, 1)
    go_live(ledger, OTHER, 2)
    return ledger


def lives(ledger: InMemoryLedger) -> tuple[ModelRef, int]:
    standing = read_standing(ledger.list_promotions())
    return standing.live, standing.live_version


def test_a_rollback_is_one_entry_that_names_who_and_why(ledger: InMemoryLedger) -> None:
    before = ledger.list_promotions()
    entry = back(ledger, "r1")

    assert ledger.list_promotions() == (*before, entry)
    assert (entry.model, entry.version, entry.previous_live) == (MODEL, 1, OTHER)
    assert (entry.verdict, entry.before, entry.after) == (Verdict.ROLLED_BACK, ModelState.RETIRED, LIVE)
    assert (entry.approver, entry.reason, entry.session) == ("ann", "it loses", SESSION)
    assert lives(ledger) == (MODEL, 1)


def test_the_same_request_again_moves_nothing(ledger: InMemoryLedger) -> None:
    first = back(ledger, "r1")

    assert back(ledger, "r1") == first
    assert (lives(ledger), len(ledger.list_promotions())) == ((MODEL, 1), 7)


def test_further_requests_lead_further_back_and_never_to_what_was_rolled_back(ledger: InMemoryLedger) -> None:
    back(ledger, "r1")
    back(ledger, "r2")
    assert lives(ledger) == (PRIOR_BLEND, 0)
    with pytest.raises(LearningError, match="nothing to roll back to; to stop trading, set the kill switch"):
        back(ledger, "r3")
    assert len(ledger.list_promotions()) == 8


def test_a_promotion_after_a_rollback_is_rolled_back_to_where_it_came_from(ledger: InMemoryLedger) -> None:
    back(ledger, "r1")
    go_live(ledger, ModelRef("blender/" + "c" * 64), 3)
    assert lives(ledger)[1] == 3
    back(ledger, "r2")
    assert lives(ledger) == (MODEL, 1)


@pytest.mark.parametrize(("person", "reason"), [("", "it loses"), ("ann", " ")])
def test_a_rollback_without_a_person_or_a_reason_is_refused(ledger: InMemoryLedger, person: str, reason: str) -> None:
    with pytest.raises(ConfigurationError):
        roll_back(ledger, requested_by="r1", person=person, session=SESSION, reason=reason)
    assert lives(ledger) == (OTHER, 2)


def test_before_any_promotion_there_is_nothing_to_roll_back_to() -> None:
    with pytest.raises(LearningError, match="nothing to roll back to"):
        back(InMemoryLedger(), "r1")
