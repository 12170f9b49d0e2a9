"""Typed rows of an entry: a pure function of its content, so that a check can make them again."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert

from tradeops.adapters.ledger_sqlalchemy.payloads import Kind, content_of
from tradeops.adapters.ledger_sqlalchemy.tables import DECISIONS, FILLS, ORDER_STATES, ORDERS, OUTBOX, SETTLEMENTS
from tradeops.domain.decisions import Decision
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Fill, Order, OrderChange
from tradeops.domain.settlements import Settlement

PROJECTED_TABLES = (DECISIONS, ORDERS, ORDER_STATES, FILLS, SETTLEMENTS, OUTBOX)
FIRST_REASON = "recorded with its decision"

Rows = Iterator[tuple[Table, dict[str, object]]]

_INSERTS = {table: insert(table) for table in PROJECTED_TABLES}


def insert_rows(connection: Connection, entry_id: int, rows: Rows, extra: Mapping[str, object] | None = None) -> None:
    """Write rows, one statement a table, in the order in which tables appear first.

    Args:
        connection: Within a transaction.
        entry_id: The entry that the rows belong to.
        rows: From a projection.
        extra: Further columns of the decision row.
    """
    grouped: dict[Table, list[dict[str, object]]] = {}
    for table, row in rows:
        more = extra if table is DECISIONS and extra else {}
        grouped.setdefault(table, []).append({"entry_id": entry_id, **row, **more})
    for table, group in grouped.items():
        connection.execute(_INSERTS[table], group)


def project_entry(kind: Kind, stream: str, payload: str) -> Rows:
    """Rows that an entry of any kind must have."""
    projection = _PROJECTIONS.get(kind)
    if projection:
        yield from projection(stream, decode_canonical(content_of(kind), payload), payload)


def project_decision(stream: str, decision: Decision, payload: str) -> Rows:
    """A decision with its orders, which begin as `new`, and what goes out."""
    yield DECISIONS, _decision_row(stream, decision, payload)
    for order in decision.orders:
        yield ORDERS, _order_row(stream, order)
        first = OrderChange(client_order_id=order.client_order_id, state=OrderState.NEW, reason=FIRST_REASON)
        yield ORDER_STATES, _change_row(first)
    yield OUTBOX, {"topic": "decisions", "key": decision.cycle_id}


def project_change(_stream: str, change: OrderChange, _payload: str) -> Rows:
    """A new state of one order."""
    yield ORDER_STATES, _change_row(change)


def project_settlement(stream: str, settlement: Settlement, _payload: str) -> Rows:
    """A settlement with its fills and order states, and what goes out."""
    yield SETTLEMENTS, _settlement_row(stream, settlement)
    for fill in settlement.fills:
        yield FILLS, _fill_row(stream, fill)
    for change in settlement.order_changes:
        yield ORDER_STATES, _change_row(change)
    yield OUTBOX, {"topic": "settlements", "key": f"{settlement.book_id}/{settlement.session}"}


_PROJECTIONS: Mapping[Kind, Callable[[str, Any, str], Rows]] = {
    Kind.DECISION: project_decision,
    Kind.ORDER_CHANGE: project_change,
    Kind.SETTLEMENT: project_settlement,
}


def _decision_row(stream: str, decision: Decision, payload: str) -> dict[str, object]:
    return {
        "cycle_id": decision.cycle_id,
        "stream": stream,
        "session": decision.session,
        "as_of": decision.as_of,
        "digest": hashlib.sha256(payload.encode()).hexdigest(),
    }


def _order_row(stream: str, order: Order) -> dict[str, object]:
    return {
        "client_order_id": order.client_order_id,
        "cycle_id": order.cycle_id,
        "stream": stream,
        "instrument": order.instrument,
        "side": order.side.value,
        "quantity": order.quantity,
        "reference_price": order.reference_price,
        "decided_on": order.decided_on,
        "valid_on": order.valid_on,
        "package": order.package,
    }


def _change_row(change: OrderChange) -> dict[str, object]:
    return {"client_order_id": change.client_order_id, "state": change.state.value, "reason": change.reason}


def _fill_row(stream: str, fill: Fill) -> dict[str, object]:
    return {
        "client_order_id": fill.client_order_id,
        "stream": stream,
        "instrument": fill.instrument,
        "session": fill.session,
        "signed_quantity": fill.signed_quantity,
        "price": fill.price,
        "fee": fill.fee,
    }


def _settlement_row(stream: str, settlement: Settlement) -> dict[str, object]:
    return {
        "stream": stream,
        "session": settlement.session,
        "cash": settlement.closing.cash,
        "equity": settlement.equity,
        "peak_equity": settlement.peak_equity,
        "realised": settlement.realised,
    }
