"""Send what is recorded and not yet sent; never anything twice."""

from collections.abc import Sequence

from tradeops.domain.errors import CircuitOpen, ExternalServiceError
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
    question comes before the sending. It returns when the broker has answered about every order: one
    that it does not have by then was lost on its way or may still arrive, and is never sent again.

    Raises:
        ExternalServiceError: The broker does not answer. The cycle stays open: whoever decides next for
            the book begins by asking again.
    """
    ledger, cycle_id = context.ports.ledger, context.claim.cycle_id
    reconcile_orders(context, ledger.orders_in(cycle_id, OrderState.UNKNOWN))
    pending = ledger.orders_in(cycle_id, OrderState.NEW)
    _send_pending(context, reconcile_orders(context, pending))
    reconcile_orders(context, ledger.orders_in(cycle_id, OrderState.UNKNOWN))


def reconcile_orders(context: CycleContext, orders: Sequence[Order]) -> tuple[Order, ...]:
    """Ask the broker what became of orders, and record what it says.

    Returns:
        Those that it does not have.
    """
    if not orders:
        return ()
    known = context.ports.broker.find([order.client_order_id for order in orders])
    _record(context, [known[order.client_order_id] for order in orders if order.client_order_id in known])
    return tuple(order for order in orders if order.client_order_id not in known)


def _send_pending(context: CycleContext, orders: Sequence[Order]) -> None:
    changes: list[OrderChange] = []
    try:
        for order in orders:
            changes.append(_send(order, context))
    finally:
        _record(context, changes)


def _record(context: CycleContext, changes: Sequence[OrderChange]) -> None:
    if changes:
        context.ports.ledger.record_order_changes(context.claim, changes)


def _send(order: Order, context: CycleContext) -> OrderChange:
    try:
        return context.ports.broker.submit(context.claim.book_id, order)
    except CircuitOpen:
        raise  # it was not sent, and stays `new`
    except ExternalServiceError as error:
        return OrderChange(
            client_order_id=order.client_order_id,
            state=OrderState.UNKNOWN,
            reason=f"no answer from the broker: {error.message}",
        )
