"""A step has failed for good: answer without an opinion where that is allowed, and tell a person."""

import logging
from typing import Final

from tradeops.domain.decisions import Outcome
from tradeops.domain.errors import CycleHeld, ExternalServiceError, StaleEpoch, TradeOpsError
from tradeops.ports.notifier import Notification
from tradeops.services.cycle.record_decision import record_undecided
from tradeops.services.cycle.state import CycleContext, NodeFailure

# An event is answered within 10 s: no attempt begins after this, so that the last one and the record fit in.
LAST_ATTEMPT_SECONDS: Final = 3.0

_RECORDED: Final = ("route_orders",)
_NOBODY_IS_NEEDED: Final = (StaleEpoch, CycleHeld)

_LOG = logging.getLogger("tradeops.cycles")


def has_time_for(wait: float, context: CycleContext) -> bool:
    """Whether another attempt may begin after a wait; whoever asked without an event has time."""
    passed = context.ports.clock.monotonic() - context.started
    return context.request.asked_by is None or passed + wait <= LAST_ATTEMPT_SECONDS


def recover_cycle(failure: NodeFailure, context: CycleContext) -> bool:
    """Hold the book when an event waits for an answer and what the decision needs is away; else give up.

    A cycle that nobody sent an event for is not held: whoever asked for it asks again, and history is
    not to be full of sessions in which the disk was slow. The person who watches such a run is told by it.

    Returns:
        Whether the cycle has its answer now.
    """
    if context.request.asked_by is None or isinstance(failure.error, _NOBODY_IS_NEEDED):
        return False
    held = _may_be_held(failure) and _hold(failure, context)
    _tell(describe_failure(failure, context, held=held), context)
    return held


def describe_failure(failure: NodeFailure, context: CycleContext, *, held: bool) -> Notification:
    """What failed, what was tried and what to do, for a person."""
    claim, request, error = context.claim, context.request, failure.error
    seconds = context.ports.clock.monotonic() - context.started
    answer = "the book is held: no new orders for this session" if held else "none; the event is tried again"
    asked_by = request.asked_by.event_id if request.asked_by else "nobody"
    return Notification(
        cause=("decision_cycle", failure.node, type(error).__name__),
        subject=f"{claim.book_id} {claim.session}: {failure.node} failed" + (", the book is held" if held else ""),
        facts=(
            ("error", f"{type(error).__name__}: {error}"),
            ("tried", f"{failure.attempts} times in {seconds:.1f} s"),
            ("answer", answer),
            ("cycle", f"{claim.cycle_id}, epoch {claim.epoch}, bundle {claim.bundle}"),
            ("asked by", f"event {asked_by}"),
        ),
        advice=_HELD if held else _GIVEN_UP.format(session=claim.session, run=claim.book_id.run),
    )


_HELD: Final = (
    "1. `tradeops doctor` names what does not answer; bring it back.\n"
    "2. The held session is closed and is not decided again. Positions and orders on record are as they were; the\n"
    "   next session is decided as usual."
)
_GIVEN_UP: Final = (
    "1. `tradeops doctor` names what does not answer; bring it back. An event that waits is then decided by itself.\n"
    "2. What no second try can cure is in `tradeops dlq list` with this error: mend the cause, then\n"
    "   `tradeops dlq redrive`, or decide by hand: `tradeops cycle run --session {session} --run {run}`.\n"
    "3. Nothing is sent twice by either: a recorded decision is shown, not made again."
)


def _may_be_held(failure: NodeFailure) -> bool:
    return isinstance(failure.error, ExternalServiceError) and failure.node not in _RECORDED


def _hold(failure: NodeFailure, context: CycleContext) -> bool:
    reason = f"{failure.node}: {failure.error}"
    try:
        record_undecided(Outcome.HELD, context, reason=reason)
    except TradeOpsError as error:
        # The ledger is away as well, or has the record that seemed to fail: the next attempt sees which.
        _LOG.warning("the book cannot be held: %s: %s", type(error).__name__, error)
        return False
    return True


def _tell(notification: Notification, context: CycleContext) -> None:
    try:
        context.ports.tell(notification)
    except (OSError, TradeOpsError) as error:
        _LOG.error("nobody could be told: %s: %s: %s", notification.subject, type(error).__name__, error)
