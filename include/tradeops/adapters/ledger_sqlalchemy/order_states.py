"""States of orders, checked against their state machine."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, select

from tradeops.adapters.ledger_sqlalchemy.tables import ORDER_STATES, ORDERS
from tradeops.domain.errors import IllegalTransition, UnknownRecord
from tradeops.domain.identifiers import ClientOrderId
from tradeops.domain.lifecycle import ORDER_STEPS, OrderState, advance
from tradeops.domain.orders import OrderChange

History = Mapping[ClientOrderId, list[OrderState]]

_HISTORY = (
    select(ORDER_STATES.c.client_order_id, ORDER_STATES.c.state)
    .join(ORDERS, ORDERS.c.client_order_id == ORDER_STATES.c.client_order_id)
    .where(
        ORDERS.c.stream == bindparam("stream"), ORDER_STATES.c.client_order_id.in_(bindparam("orders", expanding=True))
    )
    .order_by(ORDER_STATES.c.id)
)


def read_history(connection: Connection, stream: str, orders: Iterable[ClientOrderId]) -> History:
    """States that orders of a book went through, oldest first.

    Raises:
        UnknownRecord: The book has no such order.
    """
    wanted = sorted(set(orders))
    if not wanted:
        return {}
    history: dict[ClientOrderId, list[OrderState]] = {}
    for row in connection.execute(_HISTORY, {"stream": stream, "orders": wanted}):
        history.setdefault(row.client_order_id, []).append(OrderState(row.state))
    for order in wanted:
        if order not in history:
            raise UnknownRecord(f"{stream} has no order {order}; record its decision first", order=order)
    return history


def select_new_changes(history: History, changes: Iterable[OrderChange]) -> list[OrderChange]:
    """Changes to states that their orders have not had yet.

    Raises:
        IllegalTransition: The order's state machine has no such step.
    """
    reached = {order: list(states) for order, states in history.items()}
    new = []
    for change in changes:
        states = reached[change.client_order_id]
        if change.state not in states:
            states.append(advance(ORDER_STEPS, states[-1], change.state))
            new.append(change)
    return new


def check_final_changes(history: History, changes: Iterable[OrderChange]) -> None:
    """All changes must be new steps.

    Raises:
        IllegalTransition: One repeats a state, or its order's state machine has no such step.
    """
    given = list(changes)
    if select_new_changes(history, given) != given:
        raise IllegalTransition("a settlement repeats a state that an order already has")
