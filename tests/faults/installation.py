"""An installation whose ports and nodes are wrapped, opened by children after the fork."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from graphs.decision_cycle.run_cycle import Durability
from tests.faults.fail_points import FailingBroker, FailingLedger, FailingValues, Tripwire, watch_adapters, wrap_nodes
from tradeops.adapters.market_source_bundled import BundledMarketSource
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap import runtime as bootstrap
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import Broker
from tradeops.ports.ledger import Ledger
from tradeops.settings import Settings

DELIVERIES = "deliveries.jsonl"
Change = Callable[[Runtime], Runtime]


def unchanged(runtime: Runtime) -> Runtime:
    return runtime


@dataclass(frozen=True)
class Opening:
    """How an installation is opened.

    Args:
        change: Puts a mistake into the product, innermost.
    """

    durability: Durability = "exit"
    wire: Tripwire = field(default_factory=Tripwire)
    change: Change = unchanged


@dataclass(frozen=True)
class LoggedBroker:
    """Writes down each delivery that the broker took, and whether its decision was on record by then."""

    inner: Broker
    ledger: Ledger
    log: Path

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        recorded = self._is_recorded(order)
        answer = self.inner.submit(book_id, order)
        line = json.dumps({"order": order.client_order_id, "recorded": recorded}) + "\n"
        with self.log.open("a") as file:
            file.write(line)
        return answer

    def _is_recorded(self, order: Order) -> bool:
        try:
            orders = self.ledger.get_decision(order.cycle_id).decision.orders
        except UnknownRecord:
            return False
        return order.client_order_id in {recorded.client_order_id for recorded in orders}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@contextmanager
def open_installation(folder: Path, opening: Opening) -> Iterator[Runtime]:
    """The product's own bootstrap, with wrappers on."""
    wire = opening.wire
    with watch_adapters(wire), share_market(), open_runtime(Settings(state_dir=folder)) as opened:
        runtime = opening.change(
            dataclasses.replace(
                opened,
                broker=LoggedBroker(opened.broker, opened.ledger, folder / DELIVERIES),
                durability=opening.durability,
            )
        )
        yield dataclasses.replace(
            runtime,
            ledger=FailingLedger(runtime.ledger, wire),
            values=FailingValues(runtime.values, wire),
            broker=FailingBroker(runtime.broker, wire),
            nodes=wrap_nodes(wire, runtime.nodes),
        )


@contextmanager
def share_market() -> Iterator[None]:
    """What holds no connection is read once, before the forks."""
    with (
        patch.object(bootstrap, "BundledMarketSource", lambda calendar, delay: market_source()),
        patch.object(bootstrap, "ExchangeTradingCalendar", trading_calendar),
        patch.object(bootstrap, "make_bundle", make_bundle),
    ):
        yield


@cache
def trading_calendar() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@cache
def market_source() -> BundledMarketSource:
    return BundledMarketSource(trading_calendar(), timedelta(minutes=load_policy().time.vendor_delay_minutes))


_make_bundle = bootstrap.make_bundle
_bundles: dict[str, Any] = {}


def make_bundle(policy: Any) -> Any:
    if policy.version not in _bundles:
        _bundles[policy.version] = _make_bundle(policy)
    return _bundles[policy.version]


def warm() -> None:
    """Load everything that a child would load, and check that nothing is open."""
    for module in ("alembic.command", "langchain_core.tracers.context", "sqlalchemy.dialects.sqlite"):
        import_module(module)
    make_bundle(load_policy())
    market_source()
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("the parent of killed children must have one thread")


def run_sessions(runtime: Runtime, count: int, until: date) -> None:
    """Everything that writes: the clock moves, then the sessions are settled and decided."""
    runtime.move_market_clock(sessions=count, requested_by="fault suite")
    runtime.decide_sessions(until=until)
