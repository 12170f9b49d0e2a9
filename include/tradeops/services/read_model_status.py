"""Who is live, canary and shadow, since when, and how much each has decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tradeops.domain.identifiers import BookId
from tradeops.domain.models import ModelRef, ModelState, Promotion, StagedModel, read_standing
from tradeops.ports.ledger import Ledger
from tradeops.services.evaluate_model import LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """One model at work.

    Args:
        state: Live, canary or shadow.
        model: Which.
        version: In the registry; 0 for the prior blend.
        book_id: The account it decides for.
        since: First session of that account, or the last session of the evidence it went live on.
        decided: Sessions that it decided for that account.
        last: The newest of them; None before the first.
    """

    state: ModelState
    model: ModelRef
    version: int
    book_id: BookId
    since: date
    decided: int
    last: date | None


def read_model_status(ledger: Ledger, *, account_opens_on: date) -> tuple[ModelStatus, ...]:
    """Live first, then canary, then shadows in the order they entered.

    Args:
        ledger: Promotions and decisions.
        account_opens_on: Since when the prior blend acts live where nothing was promoted yet.
    """
    recorded = ledger.list_promotions()
    standing = read_standing(recorded)
    live = StagedModel(
        model=standing.live,
        version=standing.live_version,
        state=ModelState.LIVE,
        book_id=LIVE,
        opens_on=_find_live_since(recorded, standing.live) or account_opens_on,
    )
    staged = sorted(standing.staged, key=lambda one: one.state is not ModelState.CANARY)
    return tuple(_describe(ledger, one) for one in (live, *staged))


def _describe(ledger: Ledger, acting: StagedModel) -> ModelStatus:
    decisions = (record.decision for record in ledger.list_decisions(acting.book_id))
    own = [one.session for one in decisions if one.inputs is not None and one.inputs.bundle.model == acting.model]
    return ModelStatus(
        state=acting.state,
        model=acting.model,
        version=acting.version,
        book_id=acting.book_id,
        since=acting.opens_on,
        decided=sum(session >= acting.opens_on for session in own),
        last=max(own, default=None),
    )


def _find_live_since(recorded: Sequence[Promotion], live: ModelRef) -> date | None:
    moved = (e.session for e in reversed(recorded) if e.model == live and e.after is ModelState.LIVE)
    return next(moved, None)
