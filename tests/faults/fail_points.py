"""Places where a process may die, and the wrappers round ports and nodes that make it die there.

A place is a name. Every wrapper tells a tripwire which place is reached; the tripwire of a killed
child ends the process at one of them, the tripwire of an undisturbed run writes all of them down,
so that no declared place can silently stop being reached.
"""

import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import Engine, event

from graphs.decision_cycle import run_cycle
from graphs.decision_cycle.nodes import NODES, Node
from tradeops.domain.columnar import MAGIC, decode_columns
from tradeops.domain.identifiers import BookId, ClientOrderId, ValueRef
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import Broker
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.pending_values import PendingValues

LEDGER_WRITES = (
    "record_policy",
    "record_bundle",
    "record_clock_move",
    "record_settlement",
    "claim_cycle",
    "renew_claim",
    "record_decision",
    "record_order_changes",
    "close_cycle",
)
SETTLED_VALUES = ("residual_samples/1",)
CYCLE_VALUES = ("market_view/2", "opinions/1", "forecasts/1", "document")
# Of the first settlement one, of the first cycle its view, four opinions, forecasts and slate.
FIRST_RENAMES = tuple(f"file rename {number}" for number in range(1, 9))
# Of the first cycle: as many as the graph takes steps.
FIRST_CHECKPOINTS = tuple(f"checkpoint aput {number}" for number in range(1, 14))
FIRST_NODE_WRITES = tuple(f"checkpoint aput_writes {number}" for number in range(1, 16))
# Inside a transaction, after the statement and before the commit.
STATEMENTS = (
    "insert entries",
    "update streams",
    "insert decisions",
    "insert orders",
    "insert order_states",
    "insert fills",
    "insert settlements",
    "insert inbox",
    "insert outbox",
    "insert claims",
    "update claims",
    "insert answers",
)


def _around(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{side} {place}" for place in places for side in ("before", "after"))


FAIL_POINTS = (
    *_around(tuple(f"node {name}" for name in NODES)),
    *_around(tuple(f"ledger {name}" for name in LEDGER_WRITES)),
    *_around(tuple(f"value {kind}" for kind in SETTLED_VALUES)),
    *_around(FIRST_RENAMES),
    *_around(("order 1", "order 2")),
    *_around(FIRST_CHECKPOINTS[:1]),
    *tuple(f"within {statement}" for statement in STATEMENTS),
)
# A cycle's values wait in memory and are stored together, or each at once.
ONLY_EXIT = _around((*(f"waiting {kind}" for kind in CYCLE_VALUES), "all values"))
ONLY_SYNC = (
    *_around(tuple(f"value {kind}" for kind in CYCLE_VALUES)),
    *_around(FIRST_CHECKPOINTS[1:] + FIRST_NODE_WRITES),
)
# While a model's own book is settled and decided, after the live one.
STAGED = (
    *_around(("ledger record_bundle", "ledger record_settlement", "ledger claim_cycle", "ledger record_decision")),
    *_around(("order 1", "ledger record_order_changes", "ledger close_cycle")),
    "within insert decisions",
    "within insert settlements",
)


def list_fail_points(durability: str) -> tuple[str, ...]:
    return FAIL_POINTS + (ONLY_SYNC if durability == "sync" else ONLY_EXIT)


@dataclass
class Tripwire:
    """Acts when a place is reached since it is armed; by default it only remembers.

    Args:
        occurrence: Which time it acts; 1 for the first.
    """

    place: str = ""
    strike: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)
    reached: dict[str, int] = field(default_factory=dict)
    armed: bool = True
    occurrence: int = 1

    def reach(self, place: str) -> None:
        if not self.armed:
            return
        self.reached[place] = self.reached.get(place, 0) + 1
        if place == self.place and self.reached[place] == self.occurrence:
            self.strike()

    @contextmanager
    def around(self, place: str) -> Iterator[None]:
        self.reach(f"before {place}")
        yield
        self.reach(f"after {place}")


def wrap_nodes(wire: Tripwire, nodes: Mapping[str, Node] = NODES) -> Mapping[str, Node]:
    return {name: _wrap_node(wire, name, node) for name, node in nodes.items()}


def _wrap_node(wire: Tripwire, name: str, node: Node) -> Node:
    async def wrapped(state: Any, runtime: Any) -> Any:
        with wire.around(f"node {name}"):
            return await node(state, runtime)

    return wrapped


@dataclass(frozen=True)
class FailingLedger:
    """Every write is a place; reads pass."""

    inner: Any
    wire: Tripwire

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)
        return self._wrap(name, method) if name in LEDGER_WRITES else method

    def _wrap(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **named: Any) -> Any:
            with self.wire.around(f"ledger {name}"):
                return method(*args, **named)

        return write


@dataclass(frozen=True)
class FailingValues:
    inner: ValueStore
    wire: Tripwire

    def put(self, data: bytes) -> ValueRef:
        with self.wire.around(f"value {name_kind(data)}"):
            return self.inner.put(data)

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        with self.wire.around("all values"):
            return self.inner.put_all(values)

    def get(self, ref: ValueRef) -> bytes:
        return self.inner.get(ref)


def name_kind(data: bytes) -> object:
    return decode_columns(data)[0]["kind"] if data.startswith(MAGIC) else "document"


@dataclass
class FailingBroker:
    inner: Broker
    wire: Tripwire
    sent: int = 0
    cancelled: int = 0

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        self.sent += self.wire.armed
        with self.wire.around(f"order {self.sent}"):
            return self.inner.submit(book_id, order)

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        self.cancelled += self.wire.armed
        with self.wire.around(f"cancel {self.cancelled}"):
            return self.inner.cancel(book_id, client_order_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@contextmanager
def watch_adapters(wire: Tripwire) -> Iterator[None]:
    """Places below the ports: statements of a transaction, files, checkpoints."""

    def after_statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if found := re.match(r"(INSERT|UPDATE)(?: OR \w+)?(?: INTO)? (\w+)", statement):
            wire.reach(f"within {found[1].lower()} {found[2]}")

    event.listen(Engine, "after_cursor_execute", after_statement)
    renewals = 0.0 if "renew_claim" in wire.place or not wire.place else run_cycle.RENEW_SECONDS
    try:
        with (
            patch.object(Path, "replace", _wrap_rename(wire, Path.replace)),
            patch.object(PendingValues, "put", _wrap_waiting(wire, PendingValues.put)),
            patch.object(AsyncSqliteSaver, "aput", _wrap_checkpoint(wire, "aput")),
            patch.object(AsyncSqliteSaver, "aput_writes", _wrap_checkpoint(wire, "aput_writes")),
            patch.object(run_cycle, "RENEW_SECONDS", renewals),
        ):
            yield
    finally:
        event.remove(Engine, "after_cursor_execute", after_statement)


def _wrap_rename(wire: Tripwire, rename: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    numbers = count(1)

    def wrapped(temporary: Path, target: Path) -> Path:
        with wire.around(f"file rename {next(numbers)}"):
            return rename(temporary, target)

    return wrapped


def _wrap_waiting(wire: Tripwire, put: Callable[[PendingValues, bytes], ValueRef]) -> Callable[..., ValueRef]:
    def wrapped(values: PendingValues, data: bytes) -> ValueRef:
        with wire.around(f"waiting {name_kind(data)}"):
            return put(values, data)

    return wrapped


def _wrap_checkpoint(wire: Tripwire, name: str) -> Callable[..., Awaitable[Any]]:
    write, numbers = getattr(AsyncSqliteSaver, name), count(1)

    async def wrapped(*args: Any, **named: Any) -> Any:
        with wire.around(f"checkpoint {name} {next(numbers)}"):
            return await write(*args, **named)

    return wrapped
