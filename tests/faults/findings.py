"""What an installation holds, and everything that is wrong with it."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.databases import beside, query
from tests.faults.installation import DELIVERIES
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.canonical import to_plain
from tradeops.domain.decisions import Decision
from tradeops.domain.errors import CorruptInput
from tradeops.domain.identifiers import BookId, ValueRef

COUNTED = ("decisions", "orders", "order_states", "fills", "settlements", "inbox", "outbox")
BOOK = BookId()


@dataclass(frozen=True)
class Content:
    """All that must not depend on who was killed when; of every book.

    Args:
        decisions: Digest of each decision by book and session.
        lengths: Of the streams, without that of the claims. An entry's hash holds its epoch, which
            is higher after a redo, so the ends of the chains are not compared.
        orders: Ids on record.
        accepted: Ids at the broker.
        values: Names of the stored values whose bytes hash to them.
        rows: Of the tables whose length must not depend on it.
    """

    decisions: dict[str, str]
    lengths: dict[str, int]
    orders: list[str]
    accepted: list[str]
    order_states: dict[str, list[str]]
    fills: list[Any]
    settlements: list[Any]
    values: list[str]
    rows: dict[str, int]


def read_content(runtime: Runtime, folder: Path) -> Content:
    books, ledger = list_books(runtime), runtime.ledger
    decisions, rows = list_decisions(runtime), ledger.count_rows()
    states = {order: changes for book in books for order, changes in ledger.order_states(book).items()}
    claims = {book.claims_stream for book in books}
    return Content(
        decisions={f"{decision.book_id} {decision.session}": decision.digest for decision in decisions},
        lengths={head.stream: head.sequence for head in ledger.chain_heads() if head.stream not in claims},
        orders=sorted(order.client_order_id for decision in decisions for order in decision.orders),
        accepted=read_accepted(runtime),
        order_states={order: [change.state.value for change in made] for order, made in sorted(states.items())},
        fills=[to_plain(fill) for book in books for fill in ledger.list_fills(book)],
        settlements=[to_plain(settlement) for book in books for settlement in ledger.list_settlements(book)],
        values=sorted(path.name for path in (folder / "values").rglob("*") if path.is_file() and _is_whole(path)),
        rows={table: rows[table] for table in COUNTED},
    )


def list_books(runtime: Runtime) -> list[BookId]:
    """The live one and those of models on trial."""
    return [BOOK, *(staged.book_id for staged in runtime.standing().staged)]


def list_decisions(runtime: Runtime) -> list[Decision]:
    return [record.decision for book in list_books(runtime) for record in runtime.ledger.list_decisions(book)]


def _is_whole(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def read_accepted(runtime: Runtime) -> list[str]:
    """Orders at the broker, read past all adapters."""
    with beside(runtime.settings.broker_url) as connection:
        return [str(order) for order in query(connection, "SELECT client_order_id FROM answers ORDER BY 1")]


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
    lost = _find_lost_values(runtime, set(found.values))
    lone = find_lone_legs(runtime)
    return [*_compare(found, expected), *find_delivery_faults(folder), *_match_broker(found), *lost, *lone]


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


def _find_lost_values(runtime: Runtime, stored: set[str]) -> Iterator[str]:
    """A decision on record must be readable: whatever it names is stored."""
    for decision in list_decisions(runtime):
        if set(_list_named(decision)) - stored:
            yield f"values: the record of {decision.session} names what is not stored"


def _list_named(decision: Decision) -> Iterator[ValueRef]:
    yield from decision.opinions.values()
    yield from (ref for ref in (decision.inputs and decision.inputs.view, decision.forecasts) if ref)


def _match_broker(found: Content) -> Iterator[str]:
    """What was cancelled need not have arrived."""
    sent = [order for order in found.orders if order in found.accepted or found.order_states[order][-1] != "cancelled"]
    if sent != found.accepted:
        yield f"broker: {len(found.accepted)} orders, ledger: {len(sent)}"


def find_lone_legs(runtime: Runtime) -> Iterator[str]:
    """Packages of which the broker may fill, or filled, some legs and not all."""
    found = read_open(runtime)
    packages: dict[str, list[str]] = defaultdict(list)
    for order in (order for decision in list_decisions(runtime) for order in decision.orders):
        if order.package is not None:
            packages[f"{order.decided_on} {order.package}"].append(order.client_order_id)
    for package, legs in packages.items():
        if 0 < len(found.intersection(legs)) < len(legs):
            yield f"broker: {len(found.intersection(legs))} of {len(legs)} legs of package {package} stand alone"


def read_open(runtime: Runtime) -> set[str]:
    """Orders that the broker took and that nobody took back, read past all adapters."""
    taken = "SELECT client_order_id FROM answers WHERE state = 'submitted'"
    back = "SELECT client_order_id FROM endings WHERE state = 'cancelled'"
    with beside(runtime.settings.broker_url) as connection:
        return {str(order) for order in query(connection, f"{taken} EXCEPT {back}")}


def find_early_orders(runtime: Runtime) -> list[str]:
    """Right after a death: what is at the broker must be on record already."""
    recorded = {order.client_order_id for decision in list_decisions(runtime) for order in decision.orders}
    early = sorted(set(read_accepted(runtime)) - recorded)
    return [f"broker: order {order} has no decision on record" for order in early]
