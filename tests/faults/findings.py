"""What an installation holds, and everything that is wrong with it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysqlite3

from tests.faults.installation import DELIVERIES
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.canonical import to_plain
from tradeops.domain.errors import CorruptInput
from tradeops.domain.identifiers import BookId

COUNTED = ("decisions", "orders", "order_states", "fills", "settlements", "inbox", "outbox")
BOOK = BookId()


@dataclass(frozen=True)
class Content:
    """All that must not depend on who was killed when.

    Args:
        decisions: Digest of each decision by session.
        lengths: Of the streams, without that of the claims. An entry's hash holds its epoch, which
            is higher after a redo, so the ends of the chains are not compared.
        orders: Ids on record.
        accepted: Ids at the broker.
        rows: Of the tables whose length must not depend on it.
    """

    decisions: dict[str, str]
    lengths: dict[str, int]
    orders: list[str]
    accepted: list[str]
    order_states: dict[str, list[str]]
    fills: list[Any]
    settlements: list[Any]
    rows: dict[str, int]


def read_content(runtime: Runtime, folder: Path) -> Content:
    decisions = [record.decision for record in runtime.ledger.list_decisions(BOOK)]
    states = runtime.ledger.order_states(BOOK)
    rows = runtime.ledger.count_rows()
    return Content(
        decisions={decision.session.isoformat(): decision.digest for decision in decisions},
        lengths={h.stream: h.sequence for h in runtime.ledger.chain_heads() if h.stream != BOOK.claims_stream},
        orders=sorted(order.client_order_id for decision in decisions for order in decision.orders),
        accepted=read_accepted(folder),
        order_states={order: [change.state.value for change in made] for order, made in sorted(states.items())},
        fills=[to_plain(fill) for fill in runtime.ledger.list_fills(BOOK)],
        settlements=[to_plain(settlement) for settlement in runtime.ledger.list_settlements(BOOK)],
        rows={table: rows[table] for table in COUNTED},
    )


def read_accepted(folder: Path) -> list[str]:
    """Orders at the broker, read past all adapters."""
    connection = pysqlite3.connect(str(folder / "paper_broker.db"))
    try:
        return [row[0] for row in connection.execute("SELECT client_order_id FROM answers ORDER BY 1")]
    finally:
        connection.close()


def read_deliveries(folder: Path) -> list[dict[str, Any]]:
    log = folder / DELIVERIES
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def find_faults(runtime: Runtime, folder: Path, expected: Content) -> list[str]:
    """Everything that is not as in a run that nobody disturbed; empty when all is well."""
    try:
        runtime.ledger.verify_chains()
    except CorruptInput as error:
        return [f"chain: {error.message}"]
    found = read_content(runtime, folder)
    return [*_compare(found, expected), *find_delivery_faults(folder), *_match_broker(found)]


def _compare(found: Content, expected: Content) -> Iterator[str]:
    for name in Content.__dataclass_fields__:
        if getattr(found, name) != getattr(expected, name):
            yield f"content: {name} differ from an undisturbed run's"


def find_delivery_faults(folder: Path) -> Iterator[str]:
    deliveries = read_deliveries(folder)
    for order, count in Counter(line["order"] for line in deliveries).items():
        if count > 1:
            yield f"broker: order {order} was sent {count} times"
    for line in deliveries:
        if not line["recorded"]:
            yield f"broker: order {line['order']} was sent before its decision was on record"


def _match_broker(found: Content) -> Iterator[str]:
    if found.orders != found.accepted:
        yield f"broker: {len(found.accepted)} orders, ledger: {len(found.orders)}"


def find_early_orders(runtime: Runtime, folder: Path) -> list[str]:
    """Right after a death: what is at the broker must be on record already."""
    recorded = {
        order.client_order_id for record in runtime.ledger.list_decisions(BOOK) for order in record.decision.orders
    }
    early = sorted(set(read_accepted(folder)) - recorded)
    return [f"broker: order {order} has no decision on record" for order in early]
