"""An installation whose ports and nodes are wrapped, opened by children after the fork."""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from graphs.decision_cycle import run_cycle
from graphs.decision_cycle.run_cycle import Durability
from graphs.decision_cycle.timed_judges import TimedJudges
from tests.fakes.bundled_market import load_bundled_market
from tests.fakes.loaded_market import copy_loaded_market
from tests.faults import children
from tests.faults.fail_points import FailingBroker, FailingLedger, FailingValues, Tripwire, watch_adapters, wrap_nodes
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap import markets
from tradeops.bootstrap import runtime as bootstrap
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import BookId
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import Broker
from tradeops.ports.ledger import Ledger
from tradeops.services.read_features import LakeFeatures
from tradeops.settings import Settings

DELIVERIES = "deliveries.jsonl"
# An agent that a busy machine keeps waiting abstains, and then the content is not an undisturbed run's.
AGENT_SECONDS = 300.0
# Of polars from its import on; no child of this suite computes with it.
IDLE_THREADS = {"jemalloc_bg_thd", "polars-ooc-clea"}
Change = Callable[[Runtime], Runtime]


def unchanged(runtime: Runtime) -> Runtime:
    return runtime


@dataclass(frozen=True)
class Opening:
    """How an installation is opened.

    Args:
        change: Puts a mistake into the product, innermost.
        settings: Where its stores are, when they are not files of its folder.
        deliveries: Where deliveries are written down, when it is not a file of its folder.
    """

    durability: Durability = "exit"
    wire: Tripwire = field(default_factory=Tripwire)
    change: Change = unchanged
    settings: Settings | None = None
    deliveries: Path | None = None


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
    settings = opening.settings or Settings(state_dir=folder)
    with watch_adapters(wire), share_market(), wait_for_agents(), open_runtime(settings) as opened:
        runtime = opening.change(
            dataclasses.replace(
                opened,
                broker=LoggedBroker(opened.broker, opened.ledger, opening.deliveries or folder / DELIVERIES),
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
    """What holds no connection is read once, before the forks: the market and its features.

    Loading them has suites of its own, which kill it too.
    """
    with (
        patch.object(markets, "load_market_history", lambda *_, **__: load_bundled_market()),
        patch.object(bootstrap, "LakeFeatures", lambda _lake: BuiltFeatures(_features)),
        patch.object(bootstrap, "ExchangeTradingCalendar", trading_calendar),
        patch.object(bootstrap, "make_bundle", make_bundle),
    ):
        yield


def wait_for_agents() -> AbstractContextManager[object]:
    """Agents may take long; their time limit has tests of its own."""
    return patch.object(run_cycle, "TimedJudges", lambda _seconds: TimedJudges(AGENT_SECONDS))


@cache
def trading_calendar() -> ExchangeTradingCalendar:
    return ExchangeTradingCalendar()


@dataclass(frozen=True)
class BuiltFeatures:
    """A `FeatureReader` of what the lake held before the forks."""

    rows: Mapping[date, FeatureRows]

    def read(self, session: date, *, market: int) -> FeatureRows:
        return self.rows[session]


FEATURES_UNTIL = date(2001, 9, 28)
_features: dict[date, FeatureRows] = {}


def find_features(session: date) -> FeatureRows:
    """Features of a session, in a process that is warm."""
    return _features[session]


def read_features() -> dict[date, FeatureRows]:
    """From a loaded installation's lake, by a child: the parent opens nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy_loaded_market(Path(folder))
        ended = children.run(lambda: _read_lake(Path(folder)), Path(folder))
    if ended.error:
        raise RuntimeError(ended.detail)
    rows: dict[date, FeatureRows] = ended.value
    return rows


def _read_lake(folder: Path) -> dict[date, FeatureRows]:
    with open_runtime(Settings(state_dir=folder)) as runtime:
        sessions = runtime.calendar.sessions(runtime.policy.account.opens_on, FEATURES_UNTIL)
        reader = LakeFeatures(runtime.lake)
        return {session: reader.read(session, market=1) for session in sessions}


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
    load_bundled_market()
    _features.update(read_features())
    threads = {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
    if busy := threads - IDLE_THREADS - {Path("/proc/self/comm").read_text().strip()}:
        raise RuntimeError(f"the parent of killed children must have one thread, not {busy}")


def run_sessions(runtime: Runtime, until: date) -> None:
    """Everything that writes: the clock moves, then the sessions are settled and decided."""
    move_clock(runtime, until, "fault suite")
    runtime.decide_sessions(until=until)


def move_clock(runtime: Runtime, until: date, requested_by: str) -> None:
    """Close the sessions up to a date, as a loader does at its end."""
    before = runtime.ledger.market_clock()
    if runtime.ledger.find_clock_move(requested_by):
        return
    start = runtime.source.first_session if before is None else before + timedelta(days=1)
    sessions = runtime.calendar.sessions(start, until)
    runtime.ledger.record_clock_move(
        ClockMove(before=before, after=sessions[-1], sessions=len(sessions), requested_by=requested_by)
    )
