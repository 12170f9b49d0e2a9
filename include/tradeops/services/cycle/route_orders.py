"""Send what is recorded and not yet sent; never anything twice."""

from tradeops.domain.errors import ExternalServiceError
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.services.cycle.state import CycleContext, CycleProgress


def route_orders(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Route the cycle's recorded orders, read from the ledger; may be repeated at any time."""
    route_recorded_orders(context)
    return {}


def route_recorded_orders(context: CycleContext) -> None:
    """Ask the broker about every order not known to have arrived, and send only what it never saw.

    A crash between sending and marking leaves an order `new` that the broker already has, so the
    question comes before the sending.
    """
    ledger, broker = context.ports.ledger, context.ports.broker
    cycle_id = context.claim.cycle_id
    unsure = ledger.orders_in(cycle_id, OrderState.UNKNOWN)
    pending = ledger.orders_in(cycle_id, OrderState.NEW)
    if not (unsure or pending):
        return
    known = broker.find([order.client_order_id for order in (*unsure, *pending)])
    changes = [known[o.client_order_id] for o in (*unsure, *pending) if o.client_order_id in known]
    changes += [_send(order, context) for order in pending if order.client_order_id not in known]
    ledger.record_order_changes(context.claim, changes)


def _send(order: Order, context: CycleContext) -> OrderChange:
    try:
        return context.ports.broker.submit(context.claim.book_id, order)
    except ExternalServiceError as error:
        return OrderChange(
            client_order_id=order.client_order_id,
            state=OrderState.UNKNOWN,
            reason=f"no answer from the broker: {error.message}",
        )
