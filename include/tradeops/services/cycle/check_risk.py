"""What of the proposal the limits let through, and the orders that follow."""

from collections.abc import Sequence

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decisions import CycleRequest
from tradeops.domain.errors import CoordinationError
from tradeops.domain.identifiers import CycleId
from tradeops.domain.orders import Order, OrderIntent
from tradeops.domain.verdicts import RiskVerdict
from tradeops.risk.gate import check_risk as check
from tradeops.services.cycle.found import find_inputs, find_intents, find_opportunities, find_view
from tradeops.services.cycle.state import CycleContext, CycleProgress


def check_risk(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Ask the gate, then turn what it approves into orders for the next session."""
    intents = find_intents(state)
    verdicts = check(
        intents,
        state=find_inputs(state).state,
        view=find_view(state, context),
        policy=context.ports.policy,
        net_edges={found.instrument: found.net_edge for found in find_opportunities(state)},
        limits_version=context.ports.bundle.policy,
    )
    orders = approve_orders(context.claim.cycle_id, context.request, intents, verdicts)
    return {
        "verdicts": encode_canonical(verdicts).decode(),
        "orders": encode_canonical(orders).decode(),
    }


def approve_orders(
    cycle_id: CycleId,
    request: CycleRequest,
    intents: Sequence[OrderIntent],
    verdicts: Sequence[RiskVerdict],
) -> tuple[Order, ...]:
    """An order for each verdict that lets shares through.

    Raises:
        CoordinationError: There is no session in which they could fill.
    """
    if request.next_session is None:
        raise CoordinationError(f"no session follows {request.session} in which an order could fill")
    by_id = {intent.client_order_id: intent for intent in intents}
    return tuple(
        Order(
            client_order_id=verdict.client_order_id,
            cycle_id=cycle_id,
            instrument=verdict.instrument,
            side=verdict.side,
            quantity=verdict.approved,
            reference_price=by_id[verdict.client_order_id].reference_price,
            decided_on=request.session,
            valid_on=request.next_session,
            package=by_id[verdict.client_order_id].package,
        )
        for verdict in verdicts
        if verdict.approved > 0
    )
