"""The record is durable before anything acts on it."""

from dataclasses import replace

from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import (
    Decision,
    DecisionRecord,
    DecisionTrace,
    Outcome,
)
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.opportunities import Opportunity, Target
from tradeops.domain.orders import Order, OrderIntent
from tradeops.domain.verdicts import RiskVerdict
from tradeops.services.cycle.found import find_inputs, find_slate
from tradeops.services.cycle.state import CycleContext, CycleProgress


def record_decision(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Write record, order intents and inbox row in one ledger transaction."""
    write_record(compose_decision(state, context), context)
    return {}


def record_undecided(outcome: Outcome, context: CycleContext, *, reason: str | None = None) -> None:
    """Close a session for a book without a decision: no inputs, no orders; it names no stored value."""
    _write(_begin_decision(context, outcome), context, reason)


def compose_decision(state: CycleProgress, context: CycleContext) -> Decision:
    """Everything the steps found, as one value."""
    outcome = Outcome.NO_OPINION if state["forecasts"] is None else Outcome.DECIDED
    return replace(
        _begin_decision(context, outcome),
        inputs=find_inputs(state),
        opinions=state["opinions"],
        forecasts=state["forecasts"],
        slate=find_slate(state, context) if state.get("slate") else None,
        opportunities=decode_canonical(tuple[Opportunity, ...], state.get("opportunities", "[]")),
        targets=decode_canonical(tuple[Target, ...], state.get("targets", "[]")),
        intents=decode_canonical(tuple[OrderIntent, ...], state.get("intents", "[]")),
        verdicts=decode_canonical(tuple[RiskVerdict, ...], state.get("verdicts", "[]")),
        orders=decode_canonical(tuple[Order, ...], state.get("orders", "[]")),
    )


def write_record(decision: Decision, context: CycleContext) -> None:
    """Hand the record to the ledger, with how it was made."""
    context.make_durable()
    _write(decision, context, None)


def _write(decision: Decision, context: CycleContext, reason: str | None) -> None:
    ports, claim = context.ports, context.claim
    trace = DecisionTrace(
        fingerprint=ports.fingerprint,
        owner=ports.owner,
        epoch=claim.epoch,
        seconds={"claim_to_record": ports.clock.monotonic() - context.started},
        reason=reason,
    )
    asked_by = context.request.asked_by or _name_session(claim)
    ports.ledger.record_decision(claim, DecisionRecord(decision=decision, trace=trace), asked_by)


def _name_session(claim: Claim) -> InboxKey:
    """A session that somebody asked for without an event."""
    return InboxKey(consumer=claim.book_id.stream, topic="session_closed", event_id=claim.session.isoformat())


def _begin_decision(context: CycleContext, outcome: Outcome) -> Decision:
    claim = context.claim
    return Decision(
        cycle_id=claim.cycle_id,
        book_id=claim.book_id,
        session=claim.session,
        as_of=context.request.as_of,
        next_session=context.request.next_session,
        watermark=claim.watermark,
        outcome=outcome,
        opinions={},
    )
