"""Takes the model that acts live back to the one before it."""

from datetime import date

from tradeops.domain.errors import ConfigurationError, LearningError
from tradeops.domain.models import ModelRef, ModelState, Promotion, Verdict, read_standing
from tradeops.ports.ledger import Promotions


def roll_back(ledger: Promotions, *, requested_by: str, person: str, session: date, reason: str) -> Promotion:
    """Let the model act live again that acted before the present one; the same request again is harmless.

    The way back leads through the promotions: what was rolled back itself is never returned to.

    Args:
        ledger: Where it is recorded.
        requested_by: Identity of the request.
        person: Who orders it.
        session: Where the market clock stands.
        reason: Why.

    Raises:
        ConfigurationError: Nobody orders it, or for no reason.
        LearningError: The prior blend acts live; there is nothing before it.
        IllegalTransition: Another model went live in the meantime.
    """
    if not person.strip() or not reason.strip():
        raise ConfigurationError("a rollback names the person who orders it, and the reason")
    recorded = ledger.list_promotions()
    for known in recorded:
        if known.requested_by == requested_by and known.verdict is Verdict.ROLLED_BACK:
            return known
    target = find_previous_live(recorded)
    entry = Promotion(
        requested_by=requested_by,
        model=target,
        version=next((entry.version for entry in recorded if entry.model == target), 0),
        before=ModelState.RETIRED,
        after=ModelState.LIVE,
        verdict=Verdict.ROLLED_BACK,
        session=session,
        evidence=None,
        approver=person,
        previous_live=read_standing(recorded).live,
        reason=reason,
    )
    ledger.record_promotion(entry)
    return entry


def find_previous_live(recorded: tuple[Promotion, ...]) -> ModelRef:
    """Where a rollback leads: the model that acted live when the present one was promoted.

    Raises:
        LearningError: The prior blend acts live.
    """
    live = read_standing(recorded).live
    for entry in reversed(recorded):
        if entry.model == live and entry.after is ModelState.LIVE and entry.verdict is Verdict.PROMOTED:
            return entry.previous_live
    raise LearningError(
        f"{live} acts live and none before it: there is nothing to roll back to; to stop trading, set the kill switch",
        live=live,
    )
