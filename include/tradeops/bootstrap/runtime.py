"""Joins ports to adapters, and use cases to both; the only place that does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

from threadpoolctl import threadpool_limits

from agents.roster import Agent, build_roster
from graphs.decision_cycle.nodes import NODES, Node
from graphs.decision_cycle.run_cycle import DecisionCycleRunner, Durability
from tradeops.adapters.market_source_bundled import BundledMarketSource
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.broker import open_broker
from tradeops.bootstrap.bundle import make_bundle
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.process import MonotonicClock, identify_owner, take_fingerprint
from tradeops.bootstrap.value_store import open_value_store
from tradeops.bootstrap.window_features import WindowFeatures
from tradeops.coordination.blend import PriorBlend
from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import ClockMove
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, CycleId, parse_session
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.ports.broker import Broker
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.observed_inputs import ObservedInputs
from tradeops.services.cycle.state import CyclePorts
from tradeops.services.decide_sessions import SessionDecider, SessionsDecided
from tradeops.services.measure_performance import PerformanceReport, measure_performance
from tradeops.services.move_market_clock import ClockMover
from tradeops.services.settle_session import settle_session
from tradeops.settings import Settings

BuildRoster = Callable[[TradingPolicy], tuple[Agent, ...]]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Everything that an entrypoint may call; belongs to one thread of one process."""

    settings: Settings
    policy: TradingPolicy
    bundle: Bundle
    ledger: Ledger
    values: ValueStore
    broker: Broker
    source: MarketSource
    calendar: TradingCalendar
    build_roster: BuildRoster
    durability: Durability = "exit"
    nodes: Mapping[str, Node] = field(default_factory=lambda: NODES)

    def move_market_clock(self, *, to: date | None = None, sessions: int | None = None, requested_by: str) -> ClockMove:
        """Load history up to a date, or the next sessions (one when neither is given).

        Raises:
            SourceExhausted: The source has nothing more.
        """
        mover = ClockMover(ledger=self.ledger, source=self.source, calendar=self.calendar)
        if to is not None:
            return mover.load_history(to, requested_by=requested_by)
        return mover.ingest_sessions(sessions or 1, requested_by=requested_by)

    def decide_sessions(
        self,
        *,
        run: str = "live",
        until: date | None = None,
        only: date | None = None,
        on_progress: Callable[[CycleOutcome], None] | None = None,
    ) -> SessionsDecided:
        """Settle and decide every undecided session of a book, or just its next one."""
        self.ledger.record_policy(self.policy)
        self.ledger.record_bundle(self.bundle)
        with self.open_runner() as runner:
            decider = SessionDecider(
                ledger=self.ledger,
                source=self.source,
                calendar=self.calendar,
                policy=self.policy,
                opens_on=self.policy.account.opens_on,
                settle=self.settle,
                runner=runner,
            )
            return decider.decide_sessions(BookId(run=run), until=until, only=only, on_progress=on_progress or _ignore)

    def find_record(self, reference: str, *, run: str = "live") -> DecisionRecord:
        """A decision by cycle id, by the beginning of one, or by session.

        Raises:
            UnknownRecord: There is none.
        """
        if "-" not in reference:
            return self.ledger.get_decision(CycleId(reference))
        record = self.ledger.find_decision(BookId(run=run), parse_session(reference))
        if record is None:
            raise UnknownRecord(f"{run} has no decision of {reference}")
        return record

    def measure_performance(self, book_id: BookId) -> PerformanceReport:
        """What a book earned, beside its benchmark and cash."""
        return measure_performance(
            ledger=self.ledger,
            source=self.source,
            calendar=self.calendar,
            policy=self.policy,
            book_id=book_id,
        )

    def settle(self, book_id: BookId, session: date) -> Settlement:
        """Settle one session of one book."""
        return settle_session(
            ledger=self.ledger,
            values=self.values,
            broker=self.broker,
            source=self.source,
            calendar=self.calendar,
            policy=self.policy,
            book_id=book_id,
            opens_on=self.policy.account.opens_on,
            session=session,
        )

    def open_runner(self) -> DecisionCycleRunner:
        """A runner of cycles, to be used with `with`."""
        return DecisionCycleRunner(
            self.cycle_ports(),
            owner=identify_owner(),
            checkpoints=self.settings.checkpoints_url,
            durability=self.durability,
            nodes=self.nodes,
        )

    def cycle_ports(self) -> CyclePorts:
        """What a cycle of this installation may call."""
        inputs = ObservedInputs(
            ledger=self.ledger,
            histories=lambda market: self.source,
            features=WindowFeatures(source=self.source, calendar=self.calendar),
            universe=self.policy.universe,
        )
        return CyclePorts(
            ledger=self.ledger,
            values=self.values,
            broker=self.broker,
            inputs=inputs,
            clock=MonotonicClock(),
            roster=self.build_roster(self.policy),
            policy=self.policy,
            model=PriorBlend(),
            bundle=self.bundle,
            owner=str(identify_owner()),
            fingerprint=take_fingerprint(),
        )


@contextmanager
def open_runtime(
    settings: Settings,
    *,
    policy: TradingPolicy | None = None,
    durability: Durability = "exit",
    nodes: Mapping[str, Node] = NODES,
    roster: BuildRoster = build_roster,
) -> Iterator[Runtime]:
    """Open every adapter for one thread of one process, after any fork; closed at the end.

    Numeric libraries are held to one thread for as long, since sums depend on their number.

    Args:
        settings: Where things are.
        policy: Another policy than that of `policy.toml`.
        durability: Of the cycle's checkpoints.
        nodes: The functions behind the nodes of the cycle.
        roster: Makes the agents of a policy.
    """
    policy = policy or load_policy()
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1))
        ledger = open_ledger_by_url(settings.ledger_url)
        stack.callback(ledger.close)
        calendar = ExchangeTradingCalendar()
        source = BundledMarketSource(calendar, timedelta(minutes=policy.time.vendor_delay_minutes))
        broker = open_broker(settings.broker_url, source=source, calendar=calendar, policy=policy)
        stack.callback(broker.close)
        yield Runtime(
            settings=settings,
            policy=policy,
            bundle=make_bundle(policy),
            ledger=ledger,
            values=open_value_store(settings.values_dir),
            broker=broker,
            source=source,
            calendar=calendar,
            build_roster=roster,
            durability=durability,
            nodes=nodes,
        )


def _ignore(outcome: CycleOutcome) -> None:
    """Nobody watches the progress."""
