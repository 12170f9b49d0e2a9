"""The orders on record beside those that the broker has."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tradeops.domain.identifiers import ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order
from tradeops.ports.broker import Broker, TakenOrder
from tradeops.ports.ledger import DecisionLog


class Difference(StrEnum):
    """In what record and broker do not agree."""

    NOT_RECORDED = "the broker has an order that is not on record"
    NOT_AT_BROKER = "the broker never had an order that is on record as sent"
    NOT_MARKED = "the broker has an order that is on record as not sent, or as without answer"
    NOT_CANCELLED = "the broker may still fill an order that is on record as cancelled"
    OTHERWISE = "the broker has the order with another content or another answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDifference:
    """One order on which they do not agree."""

    client_order_id: ClientOrderId
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What a comparison found.

    Args:
        recorded: Orders on record.
        taken: Orders that the broker has.
        differences: Ascending by order; empty when both agree.
    """

    recorded: int
    taken: int
    differences: tuple[OrderDifference, ...]


@dataclass(frozen=True, slots=True)
class _Recorded:
    order: Order
    states: tuple[OrderState, ...]


# The next attempt at its cycle asks the broker about an order in one of these, and sends what it never had.
_OPEN_QUESTION = {OrderState.NEW, OrderState.UNKNOWN}
# An order that only expired may have reached the broker or not: nobody answered while it was valid. One that
# was only cancelled never reached it, or was refused when it arrived late.
_NO_ANSWER = _OPEN_QUESTION | {OrderState.EXPIRED, OrderState.CANCELLED}


def reconcile_orders(ledger: DecisionLog, broker: Broker) -> Reconciliation:
    """Compare every order of every book with the broker's list, both ways; at rest, for an order on its way differs.

    Raises:
        ExternalServiceError: Ledger or broker do not answer.
    """
    # In this order: what the broker has was recorded before it was sent.
    taken = {one.order.client_order_id: one for one in broker.list_orders()}
    recorded = _read_record(ledger)
    found = {key: _compare(recorded.get(key), taken.get(key)) for key in sorted({*recorded, *taken})}
    differences = tuple(
        OrderDifference(client_order_id=key, difference=difference) for key, difference in found.items() if difference
    )
    return Reconciliation(recorded=len(recorded), taken=len(taken), differences=differences)


def _read_record(ledger: DecisionLog) -> Mapping[ClientOrderId, _Recorded]:
    orders: dict[ClientOrderId, Order] = {}
    books = set()
    for record in ledger.list_decisions():
        books.add(record.decision.book_id)
        orders |= {order.client_order_id: order for order in record.decision.orders}
    states = {key: changes for book in sorted(books) for key, changes in ledger.order_states(book).items()}
    return {
        key: _Recorded(order=order, states=tuple(change.state for change in states.get(key, ())))
        for key, order in orders.items()
    }


def _compare(recorded: _Recorded | None, taken: TakenOrder | None) -> Difference | None:
    if recorded is None:
        return Difference.NOT_RECORDED
    answered = not _NO_ANSWER.issuperset(recorded.states)
    if taken is None:
        return Difference.NOT_AT_BROKER if answered else None
    if recorded.states[-1] in _OPEN_QUESTION:
        return Difference.NOT_MARKED
    if (OrderState.CANCELLED in recorded.states) != taken.cancelled:
        return Difference.OTHERWISE if taken.cancelled else Difference.NOT_CANCELLED
    rejected = OrderState.REJECTED in recorded.states
    same_answer = not answered or rejected == (taken.answer.state is OrderState.REJECTED)
    return None if same_answer and recorded.order == taken.order else Difference.OTHERWISE
