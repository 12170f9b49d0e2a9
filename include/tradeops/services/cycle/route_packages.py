"""The saga of a package: all its legs are sent, or none of them stays open at the broker.

Every step is chosen from what is on record and what the broker says, never from memory, so whoever
repeats it after a death goes on where it stopped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tradeops.domain.identifiers import PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.services.cycle.ask_broker import reconcile_orders, record_changes, send_orders
from tradeops.services.cycle.state import CycleContext

# States of a leg that keep its package from being complete; what is final speaks before what is in doubt.
_LOST = (OrderState.REJECTED, OrderState.CANCELLED, OrderState.UNKNOWN)
_NOT_FINAL = {OrderState.NEW, OrderState.UNKNOWN, OrderState.SUBMITTED}


@dataclass(frozen=True, slots=True)
class _Leg:
    order: Order
    state: OrderState


def route_packages(context: CycleContext, packages: Iterable[PackageId]) -> None:
    """Complete packages of the cycle or compensate them; may be repeated at any time.

    Raises:
        ExternalServiceError: The broker does not answer; what is left is done by the next attempt.
        StaleEpoch: Another process has the cycle now.
    """
    for package in sorted(packages):
        _route_package(context, package)


def _route_package(context: CycleContext, package: PackageId) -> None:
    """Send leg after leg; the first that is lost ends the sending and takes the others back."""
    while True:
        legs = _read_legs(context, package)
        lost = _find_lost(legs)
        if lost is not None:
            _compensate(context, legs, lost)
            return
        unsent = [leg.order for leg in legs if leg.state is OrderState.NEW]
        if not unsent:
            return
        send_orders(context, unsent[:1])


def _read_legs(context: CycleContext, package: PackageId) -> list[_Leg]:
    """Legs ascending by id; the broker was asked about each that is `unknown`, and does not have it."""
    found = context.ports.ledger.orders_by_state(context.claim.cycle_id)
    doubtful = [order for order in found.get(OrderState.UNKNOWN, ()) if order.package == package]
    if len(reconcile_orders(context, doubtful)) < len(doubtful):
        return _read_legs(context, package)
    legs = (_Leg(order, state) for state, orders in found.items() for order in orders if order.package == package)
    return sorted(legs, key=lambda leg: leg.order.client_order_id)


def _find_lost(legs: Sequence[_Leg]) -> _Leg | None:
    lost = [leg for leg in legs if leg.state in _LOST]
    return min(lost, key=lambda leg: _LOST.index(leg.state), default=None)


def _compensate(context: CycleContext, legs: Sequence[_Leg], lost: _Leg) -> None:
    """Cancel every leg that may be open or may still arrive, also one that was never sent.

    The lost leg goes first: from then on the broker says for ever that the package cannot be complete,
    whatever arrives late and whoever asks.
    """
    others = [leg for leg in legs if leg is not lost]
    left = [leg.order for leg in (lost, *others) if leg.state in _NOT_FINAL]
    if not left:
        return
    context.ports.ledger.renew_claim(context.claim)  # whoever lost the cycle cancels nothing
    changes: list[OrderChange] = []
    try:
        for order in left:
            changes += _cancel(context, order, lost)
    finally:
        record_changes(context, changes)


def _cancel(context: CycleContext, order: Order, lost: _Leg) -> list[OrderChange]:
    answer = context.ports.broker.cancel(context.claim.book_id, order.client_order_id)
    if answer.state is OrderState.CANCELLED:
        return [replace(answer, reason=_explain(order, lost))]
    # A leg that its session filled or let expire is told by its settlement.
    return [answer] if answer.state is OrderState.REJECTED else []


def _explain(order: Order, lost: _Leg) -> str:
    if order is lost.order:
        return f"cancelled with its package {order.package}: no answer from the broker, which does not have it"
    leg = f"leg {lost.order.client_order_id} ({lost.order.instrument})"
    return f"cancelled with its package {order.package}: {leg} is {lost.state}"
