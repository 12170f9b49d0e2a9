"""Who acts, since when, and how much each has decided."""

from dataclasses import replace

from tests.unit.services.test_evaluate_model import DAYS, MODEL, OPENS, STAGED, Scene, scene
from tests.unit.services.test_promote_model import CANARY, LIVE, SHADOW, to_shadow
from tradeops.domain.identifiers import BookId, Stage
from tradeops.domain.models import PRIOR_BLEND, Verdict, open_stage_book
from tradeops.services.read_model_status import ModelStatus, read_model_status

__all__ = ["scene"]


def test_before_any_promotion_the_prior_blend_is_live_since_the_account_opened(scene: Scene) -> None:
    scene.run(2)
    (live,) = read_model_status(scene.live.ledger, account_opens_on=DAYS[0])

    assert live == ModelStatus(
        state=LIVE, model=PRIOR_BLEND, version=0, book_id=BookId(), since=DAYS[0], decided=2, last=DAYS[1]
    )


def test_every_acting_model_counts_its_own_sessions_only(scene: Scene) -> None:
    ledger = scene.live.ledger
    entered = replace(to_shadow(), book_id=STAGED.book_id, opens_on=DAYS[OPENS])
    ledger.record_promotion(entered)
    scene.run(7)
    canary_book = open_stage_book(Stage.CANARY, 1)
    canary = replace(entered, requested_by="c", before=SHADOW, after=CANARY, book_id=canary_book, opens_on=DAYS[7])
    ledger.record_promotion(canary)
    live, staged = read_model_status(ledger, account_opens_on=DAYS[0])
    assert (live.model, live.decided, live.last) == (PRIOR_BLEND, 7, DAYS[6])
    assert (staged.state, staged.version, staged.since, staged.decided, staged.last) == (CANARY, 1, DAYS[7], 0, None)

    promoted = replace(canary, requested_by="l", before=CANARY, after=LIVE, book_id=None, opens_on=None)
    ledger.record_promotion(replace(promoted, session=DAYS[6], verdict=Verdict.PROMOTED))
    scene.decide(scene.live, 7, "AB", MODEL)
    (live,) = read_model_status(ledger, account_opens_on=DAYS[0])
    assert (live.model, live.version, live.since, live.decided, live.last) == (MODEL, 1, DAYS[6], 1, DAYS[7])
