"""Mistakes that the suite must find, and a broker that fails: each changes an installation before the wrappers."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from graphs.decision_cycle import run_cycle
from graphs.decision_cycle.nodes import NODES, Node, make_node
from tests.faults.installation import Change, unchanged
from tradeops.adapters.ledger_sqlalchemy import claims, decisions
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.claims import Claim, ClaimRequest, InboxKey
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import CycleHeld, ExternalServiceError
from tradeops.domain.identifiers import BookId, ClientOrderId, InstrumentId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.market import Watermark
from tradeops.domain.orders import Order, OrderChange
from tradeops.services.cycle import route_orders, route_packages
from tradeops.services.cycle.ask_broker import send_orders
from tradeops.services.cycle.check_risk import check_risk
from tradeops.services.cycle.pending_values import PendingValues
from tradeops.services.cycle.record_decision import record_decision
from tradeops.services.cycle.state import CycleContext, CycleProgress


@dataclass(frozen=True)
class ChangedLedger:
    """The ledger with some methods replaced; each gets the real ledger first."""

    inner: Any
    methods: Mapping[str, Callable[..., Any]]

    def __getattr__(self, name: str) -> Any:
        if name in self.methods:
            return lambda *args, **named: self.methods[name](self.inner, *args, **named)
        return getattr(self.inner, name)


def change_ledger(**methods: Callable[..., Any]) -> Change:
    return lambda runtime: dataclasses.replace(runtime, ledger=ChangedLedger(runtime.ledger, methods))  # type: ignore[arg-type]


def change_nodes(**nodes: Callable[[CycleProgress, CycleContext], CycleProgress]) -> Change:
    made: Mapping[str, Node] = {**NODES, **{name: make_node(step) for name, step in nodes.items()}}
    return lambda runtime: dataclasses.replace(runtime, nodes=made)


def send_then_record(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Routes what the state holds before anything is on record."""
    for order in decode_canonical(tuple[Order, ...], state.get("orders", "[]")):
        context.ports.broker.submit(context.claim.book_id, order)
    return record_decision(state, context)


def send_without_asking(context: CycleContext) -> None:
    """Sends what is not marked as sent, without asking the broker first."""
    for order in context.ports.ledger.orders_in(context.claim.cycle_id, OrderState.NEW):
        answer = context.ports.broker.submit(context.claim.book_id, order)
        context.ports.ledger.record_order_changes(context.claim, [answer])


def change_routing(route: Callable[[CycleContext], None]) -> Change:
    """Routes otherwise, for the life of the process: in the graph and after a death."""

    def changed(runtime: Runtime) -> Runtime:
        for module in (run_cycle, route_orders):
            patch.object(module, "route_recorded_orders", route).start()
        return runtime

    return changed


def forget_to_mark(ledger: Any, claim: Claim, changes: Sequence[OrderChange]) -> None:
    """Does not write down what the broker answered."""


def read_again(ledger: Any, request: ClaimRequest) -> Claim:
    """Takes the watermark of the latest claim instead of the first."""
    claim: Claim = ledger.claim_cycle(request)
    return replace(claim, watermark=Watermark(market=claim.watermark.market, ledger=claim.watermark.ledger + 1))


def record_twice_over(ledger: Any, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
    """Numbers the orders by attempt and names the event by attempt, so that no key is in the way."""
    decision = record.decision
    orders = tuple(replace(order, client_order_id=_number(order, claim.epoch)) for order in decision.orders)
    orders = tuple(sorted(orders, key=lambda order: order.client_order_id))
    record = replace(record, decision=replace(decision, orders=orders))
    ledger.record_decision(claim, record, replace(asked_by, event_id=f"{asked_by.event_id}/{claim.epoch}"))


def _number(order: Order, epoch: int) -> Any:
    return f"{order.client_order_id[:-2]}{epoch:02d}"


def close_first(ledger: Any, claim: Claim, changes: Sequence[OrderChange]) -> None:
    """Closes the cycle before the answers of the broker are on record."""
    ledger.close_cycle(claim)
    ledger.record_order_changes(claim, changes)


def ignore_epoch(runtime: Runtime) -> Runtime:
    """Lets any claim write, however old, for the life of the process."""

    def read_row(connection: Any, claim: Claim) -> Any:
        return connection.execute(claims._BY_CYCLE, {"cycle_id": claim.cycle_id}).one()

    for module in (claims, decisions):
        patch.object(module, "check_epoch", read_row).start()
    return runtime


def believe_everybody_dead(runtime: Runtime) -> Runtime:
    """Takes every claim away from its living owner, for the life of the process."""
    patch.object(claims, "is_dead", lambda owner: True).start()
    return runtime


def forget_the_event(runtime: Runtime) -> Runtime:
    """Leaves no inbox row with the decision, for the life of the process."""
    patch.object(decisions, "_spend_event", lambda *_: None).start()
    return runtime


@dataclass(frozen=True)
class FallsSilent:
    """A broker that takes each order, and whose answer is lost."""

    inner: Any

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        self.inner.submit(book_id, order)
        raise ExternalServiceError("the line went dead")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def silence_broker(runtime: Runtime) -> Runtime:
    return dataclasses.replace(runtime, broker=FallsSilent(runtime.broker))  # type: ignore[arg-type]


def record_then_store(runtime: Runtime) -> Runtime:
    """Lets a cycle's values wait until its cycle is closed, for the life of the process."""
    store, waiting = PendingValues.store, list[PendingValues]()

    def wait(values: PendingValues) -> None:
        waiting.append(values)

    patch.object(PendingValues, "store", wait).start()

    def store_and_close(ledger: Any, claim: Claim) -> None:
        while waiting:
            store(waiting.pop())
        ledger.close_cycle(claim)

    return change_ledger(close_cycle=store_and_close)(runtime)


def never_take_over(ledger: Any, request: ClaimRequest) -> Claim:
    """Respects dead owners too."""
    claim: Claim = ledger.claim_cycle(request)
    if claim.epoch > 1:
        raise CycleHeld("respects the dead")
    return claim


# Behind every other id, so that the others are sent before it.
LAST = "ffffffff"


def plant_package(*, extra: bool) -> Change:
    """Puts all orders of a cycle that has several into one package, with a last leg that is not traded."""

    def plant(state: CycleProgress, context: CycleContext) -> CycleProgress:
        progress = check_risk(state, context)
        orders = decode_canonical(tuple[Order, ...], progress["orders"])
        if len(orders) > 1:
            last = replace(orders[0], client_order_id=_rename(context), instrument=InstrumentId("NONE"))
            legs = [replace(order, package=PackageId("planted")) for order in (*orders, *[last] * extra)]
            progress["orders"] = encode_canonical(legs).decode()
        return progress

    return change_nodes(check_risk=plant)


def _rename(context: CycleContext) -> ClientOrderId:
    return ClientOrderId(LAST + context.claim.cycle_id[:24])


@dataclass(frozen=True)
class LosesLast:
    """A broker whom the last leg of a planted package never reaches."""

    inner: Any

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        if order.client_order_id.startswith(LAST):
            raise ExternalServiceError("the line went dead")
        answer: OrderChange = self.inner.submit(book_id, order)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def lose_last(runtime: Runtime) -> Runtime:
    return plant_package(extra=True)(dataclasses.replace(runtime, broker=LosesLast(runtime.broker)))  # type: ignore[arg-type]


def mistake_packages(**functions: Any) -> Change:
    """A package with a rejected leg, and parts of its saga replaced for the life of the process."""

    def changed(runtime: Runtime) -> Runtime:
        for name, function in functions.items():
            patch.object(route_packages, name, function).start()
        return plant_package(extra=True)(runtime)

    return changed


def only_say_so(_context: CycleContext, order: Order, _lost: object) -> list[OrderChange]:
    return [OrderChange(client_order_id=order.client_order_id, state=OrderState.CANCELLED, reason="said so")]


@dataclass(frozen=True)
class Memory:
    """Compensates only for what this process sent itself."""

    sent: set[str] = field(default_factory=set)

    def send(self, context: CycleContext, orders: Sequence[Order]) -> None:
        self.sent.update(order.client_order_id for order in orders)
        send_orders(context, orders)

    def find(self, legs: Sequence[Any]) -> Any:
        lost = FIND_LOST(legs)
        return lost if lost and lost.order.client_order_id in self.sent else None


FIND_LOST = route_packages._find_lost
MEMORY = Memory()

MUTANTS: Mapping[str, Change] = {
    "none": unchanged,
    "send then record": change_nodes(record_decision=send_then_record),
    "send without asking": change_routing(send_without_asking),
    "forget to mark": change_ledger(record_order_changes=forget_to_mark),
    "watermark of the latest claim": change_ledger(claim_cycle=read_again),
    "orders numbered by attempt": change_ledger(record_decision=record_twice_over),
    "close before marking": change_ledger(record_order_changes=close_first),
    "inbox left out": forget_the_event,
    "record before values are durable": record_then_store,
    "broker falls silent": silence_broker,
    "epoch ignored": ignore_epoch,
    "living owners robbed": believe_everybody_dead,
    "dead owners respected": change_ledger(claim_cycle=never_take_over),
    "whole package": plant_package(extra=False),
    "package with a rejected leg": plant_package(extra=True),
    "package with a lost leg": lose_last,
    "cancel left out": mistake_packages(_cancel=only_say_so),
    "compensation from memory": mistake_packages(send_orders=MEMORY.send, _find_lost=MEMORY.find),
}
