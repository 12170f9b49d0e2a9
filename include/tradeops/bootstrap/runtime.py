"""Joins ports to adapters, and use cases to both; the only place that does."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from threadpoolctl import threadpool_limits

from agents.roster import Agent, build_roster
from graphs.decision_cycle.nodes import NODES, Node
from graphs.decision_cycle.run_cycle import DecisionCycleRunner, Durability
from tradeops.adapters.liveness import identify_process
from tradeops.adapters.trading_calendar_exchange_calendars import ExchangeTradingCalendar
from tradeops.bootstrap.breakers import open_guards
from tradeops.bootstrap.broker import open_broker
from tradeops.bootstrap.bundle import make_bundle
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.feature_store import open_feature_store
from tradeops.bootstrap.lake import open_lake
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.markets import Markets, NewestMarket
from tradeops.bootstrap.model_registry import open_model_registry
from tradeops.bootstrap.notifier import open_notifier
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.process import MonotonicClock, take_fingerprint
from tradeops.bootstrap.raw_source import open_raw_source
from tradeops.bootstrap.s3 import read_s3_access
from tradeops.bootstrap.value_store import open_value_store
from tradeops.coordination.blend import BlendModel
from tradeops.coordination.blend_models import load_blend_model
from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import ClockMove
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, CycleId, parse_session
from tradeops.domain.models import ModelRef, ModelStanding, read_standing
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.ports.broker import Broker
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.ports.feature_store import FeatureReader, FeatureStore
from tradeops.ports.lake import Lake
from tradeops.ports.ledger import Ledger
from tradeops.ports.model_registry import ModelRegistry
from tradeops.ports.raw_source import RawSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.resilience.guarded_ports import GuardedBroker, GuardedFeatureStore, GuardedLake, GuardedValues
from tradeops.services.build_features import FeaturesBuilt, build_features
from tradeops.services.count_data import DataCounts
from tradeops.services.count_data import count_data as count
from tradeops.services.cycle.observed_inputs import ObservedInputs
from tradeops.services.cycle.state import CyclePorts
from tradeops.services.decide_sessions import SessionDecider, SessionsDecided
from tradeops.services.evaluate_model import ModelEvaluator
from tradeops.services.gather_training_rows import TrainingHistory
from tradeops.services.load_market_data import MarketLoader
from tradeops.services.promotion_desk import PromotionDesk
from tradeops.services.read_features import LakeFeatures, NewestFirst
from tradeops.services.report.gather_figures import gather_figures
from tradeops.services.report.sources import ReportSources
from tradeops.services.report.write_report import WrittenReport, write_report
from tradeops.services.settle_session import settle_session
from tradeops.services.train_blender import BlenderTrainer, TrainedBlender
from tradeops.settings import Settings

BuildRoster = Callable[[TradingPolicy], tuple[Agent, ...]]
Watch = Callable[[CycleOutcome], None]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Everything that an entrypoint may call; belongs to one thread of one process."""

    settings: Settings
    policy: TradingPolicy
    bundle: Bundle
    ledger: Ledger
    values: ValueStore
    broker: Broker
    lake: Lake
    online: FeatureStore
    raw_source: RawSource
    source: NewestMarket
    calendar: TradingCalendar
    build_roster: BuildRoster
    durability: Durability = "exit"
    nodes: Mapping[str, Node] = field(default_factory=lambda: NODES)

    def backfill_history(self, until: date, *, first: date | None = None, requested_by: str) -> ClockMove:
        """Load the history up to a session; a request is answered once.

        Raises:
            SourceExhausted: The source ends before.
        """
        with self._open_loader() as loader:
            return loader.backfill_history(until, first=first, requested_by=requested_by)

    def ingest_sessions(self, sessions: int, *, requested_by: str) -> ClockMove:
        """Load the next sessions; a request is answered once.

        Raises:
            SourceExhausted: The source has nothing more.
        """
        with self._open_loader() as loader:
            return loader.ingest_sessions(sessions, requested_by=requested_by)

    def build_features(self, *, first: date | None = None, last: date | None = None) -> FeaturesBuilt:
        """Build the features that are missing up to the market clock, or those of a range again."""
        return build_features(
            lake=self.lake,
            store=self.online,
            ledger=self.ledger,
            calendar=self.calendar,
            policy=self.policy,
            first=first,
            last=last,
        )

    def decide_sessions(
        self,
        *,
        run: str = "live",
        until: date | None = None,
        only: date | None = None,
        on_progress: Watch | None = None,
    ) -> SessionsDecided:
        """Settle and decide every undecided session of a book with the model that acts live, or just its next one."""
        return self._decide(BookId(run=run), self.standing().live, until, only, on_progress)

    def decide_staged(self, *, until: date | None = None, on_progress: Watch | None = None) -> Mapping[str, int]:
        """Settle and decide what is due for every model in shadow or canary, each on its own paper account.

        Returns:
            Sessions decided by book.
        """
        return {
            str(staged.book_id): self._decide(staged.book_id, staged.model, until, None, on_progress).decided
            for staged in self.standing().staged
        }

    def standing(self) -> ModelStanding:
        """Which model acts live and which decide beside it, by the promotion ledger."""
        return read_standing(self.ledger.list_promotions())

    def train_blender(self, until: date | None = None) -> TrainedBlender:
        """Train on the history up to a session, the live account's last one by default.

        Raises:
            UnknownRecord: Nothing is decided yet and no session is named.
        """
        until = until or self.ledger.last_closed_session(BookId())
        if until is None:
            raise UnknownRecord("nothing is decided yet; name the last session to train on, or run replay_history")
        trainer = BlenderTrainer(
            ledger=self.ledger, values=self.values, registry=self.open_registry(), make_bundle=self.bundle_of
        )
        return trainer.train(self._read_history(), until)

    def promotion_desk(self) -> PromotionDesk:
        """Where models are judged, promoted and taken back."""
        evaluator = ModelEvaluator(
            ledger=self.ledger,
            values=self.values,
            source=self.source,
            calendar=self.calendar,
            policy=self.policy,
        )
        return PromotionDesk(evaluator=evaluator, open_registry=self.open_registry)

    def publish_report(self) -> WrittenReport:
        """Write the report of the live account and keep a copy in the registry."""
        written = write_report(gather_figures(self.report_sources(), BookId()), self.settings.reports_dir)
        self.open_registry().log_report(written.name, written.files)
        return written

    def report_sources(self) -> ReportSources:
        """What a report reads."""
        return ReportSources(
            ledger=self.ledger,
            values=self.values,
            source=self.source,
            calendar=self.calendar,
            policy=self.policy,
            count_data=self.count_data,
        )

    def count_data(self) -> DataCounts:
        """How much was loaded, and how much of it is dead."""
        with closing(open_event_log(self.settings.event_log_url)) as log:
            return count(log, self.lake)

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
            opens_on=self._find_opening(book_id),
            session=session,
        )

    def open_runner(self, model: ModelRef | None = None) -> DecisionCycleRunner:
        """A runner of cycles with a model, the live one by default; to be used with `with`."""
        return DecisionCycleRunner(
            self.cycle_ports(model),
            owner=identify_process(),
            checkpoints=self.settings.checkpoints_url,
            durability=self.durability,
            nodes=self.nodes,
        )

    def cycle_ports(self, model: ModelRef | None = None) -> CyclePorts:
        """What a cycle of this installation may call, deciding with a model."""
        chosen = model or self.standing().live
        return CyclePorts(
            ledger=self.ledger,
            values=self.values,
            broker=self.broker,
            inputs=ObservedInputs(
                ledger=self.ledger,
                histories=self.source.markets.at,
                features=self.features,
                universe=self.policy.universe,
            ),
            clock=MonotonicClock(),
            roster=self.build_roster(self.policy),
            policy=self.policy,
            model=self._load_model(chosen),
            bundle=self.bundle_of(chosen),
            owner=str(identify_process()),
            fingerprint=take_fingerprint(),
            tell=open_notifier(self.settings).notify,
        )

    def bundle_of(self, model: ModelRef) -> Bundle:
        """The bundle that decides when this code and policy act with a model."""
        return replace(self.bundle, model=model)

    @cached_property
    def features(self) -> FeatureReader:
        """Features by session: the newest from the online store, the others from the lake."""
        return NewestFirst(self.online, LakeFeatures(self.lake))

    def open_registry(self) -> ModelRegistry:
        """Trained models, for people."""
        return open_model_registry(self.settings.registry_url, self.settings.state_dir / "mlflow" / "artifacts")

    def _load_model(self, model: ModelRef) -> BlendModel:
        return load_blend_model(model, self.values)

    def _decide(
        self, book_id: BookId, model: ModelRef, until: date | None, only: date | None, on_progress: Watch | None
    ) -> SessionsDecided:
        with self.open_decider(book_id, model) as decider:
            return decider.decide_sessions(book_id, until=until, only=only, on_progress=on_progress or _ignore)

    @contextmanager
    def open_decider(self, book_id: BookId, model: ModelRef) -> Iterator[SessionDecider]:
        """What settles and decides sessions of a book with a model, by the newest market."""
        self.source.look()
        self.ledger.record_policy(self.policy)
        self.ledger.record_bundle(self.bundle_of(model))
        with self.open_runner(model) as runner:
            yield SessionDecider(
                ledger=self.ledger,
                source=self.source,
                calendar=self.calendar,
                policy=self.policy,
                opens_on=self._find_opening(book_id),
                settle=self.settle,
                runner=runner,
            )

    def _find_opening(self, book_id: BookId) -> date:
        opened = {entry.book_id: entry.opens_on for entry in self.ledger.list_promotions() if entry.opens_on}
        return opened.get(book_id) or self.policy.account.opens_on

    def _read_history(self) -> TrainingHistory:
        market = self.ledger.market_sequence()
        return TrainingHistory(
            source=self.source.markets.at(market),
            features=self.features,
            calendar=self.calendar,
            policy=self.policy,
            roster=self.build_roster(self.policy),
            market=market,
        )

    @contextmanager
    def _open_loader(self) -> Iterator[MarketLoader]:
        with closing(open_event_log(self.settings.event_log_url)) as log:
            yield MarketLoader(
                log=log,
                lake=self.lake,
                ledger=self.ledger,
                source=self.raw_source,
                calendar=self.calendar,
                policy=self.policy,
                at=datetime.now(UTC),
                pause=time.sleep,
            )
            self.source.look()


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
        s3 = read_s3_access(settings)
        guard = stack.enter_context(open_guards(settings, MonotonicClock()))
        lake = GuardedLake(open_lake(settings.lake_url, s3), guard("lake"))
        online = open_feature_store(settings.feature_store_url)
        stack.callback(online.close)
        raw_source = open_raw_source(settings.source_url, calendar=calendar, policy=policy)
        markets = Markets(
            lake=lake,
            ledger=ledger,
            declared=raw_source,
            calendar=calendar,
            vendor_delay=timedelta(minutes=policy.time.vendor_delay_minutes),
        )
        source = NewestMarket(markets)
        broker = open_broker(settings.broker_url, source=source, calendar=calendar, policy=policy)
        stack.callback(broker.close)
        yield Runtime(
            settings=settings,
            policy=policy,
            bundle=make_bundle(policy),
            ledger=ledger,
            values=GuardedValues(open_value_store(settings.values_dir, s3), guard("value store")),
            broker=GuardedBroker(broker, guard("broker")),
            lake=lake,
            online=GuardedFeatureStore(online, guard("online features")),
            raw_source=raw_source,
            source=source,
            calendar=calendar,
            build_roster=roster,
            durability=durability,
            nodes=nodes,
        )


def _ignore(outcome: CycleOutcome) -> None:
    """Nobody watches the progress."""
