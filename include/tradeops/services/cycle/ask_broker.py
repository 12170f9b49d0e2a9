"""What is asked of the broker and written down at once: the parts of every routing."""

from collections.abc import Sequence

from tradeops.domain.errors import CircuitOpen, ExternalServiceError
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.services.cycle.state import CycleContext


def reconcile_orders(context: CycleContext, orders: Sequence[Order]) -> tuple[Order, ...]:
    """Ask the broker what became of orders, and record what it says.

    Returns:
        Those that it does not have.
    """
    if not orders:
        return ()
    known = context.ports.broker.find([order.client_order_id for order in orders])
    record_changes(context, [known[order.client_order_id] for order in orders if order.client_order_id in known])
    return tuple(order for order in orders if order.client_order_id not in known)


def send_orders(context: CycleContext, orders: Sequence[Order]) -> None:
    """Send orders one after another, and record the answers; one without an answer is `unknown`.

    Raises:
        CircuitOpen: A breaker keeps an order back; it was not sent and stays `new`, like those behind it.
    """
    changes: list[OrderChange] = []
    try:
        for order in orders:
            changes.append(_send(order, context))
    finally:
        record_changes(context, changes)


def record_changes(context: CycleContext, changes: Sequence[OrderChange]) -> None:
    """Write new states down, if there are any."""
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
