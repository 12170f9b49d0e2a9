"""Send what is recorded and not yet sent; never anything twice."""

from tradeops.domain.lifecycle import OrderState
from tradeops.services.cycle.ask_broker import reconcile_orders, send_orders
from tradeops.services.cycle.route_packages import route_packages
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
    Packages come last, each by itself.

    Raises:
        ExternalServiceError: The broker does not answer. The cycle stays open: whoever decides next for
            the book begins by asking again.
    """
    ledger, cycle_id = context.ports.ledger, context.claim.cycle_id
    reconcile_orders(context, ledger.orders_in(cycle_id, OrderState.UNKNOWN))
    pending = reconcile_orders(context, ledger.orders_in(cycle_id, OrderState.NEW))
    send_orders(context, [order for order in pending if order.package is None])
    found = ledger.orders_by_state(cycle_id)
    reconcile_orders(context, found.get(OrderState.UNKNOWN, ()))
    route_packages(context, {order.package for orders in found.values() for order in orders if order.package})
