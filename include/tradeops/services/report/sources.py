"""Where the figures of a report come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import BookId, PolicyVersion, ValueRef
from tradeops.domain.orders import Fill
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.services.count_data import DataCounts
from tradeops.services.measure_performance import PerformanceReport, measure_performance


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedValues:
    """Reads each small value once: several measures look at the same opinions.

    Args:
        stored: Where values are.
        largest: Bytes; what is larger (a view) is read again.
    """

    stored: ValueStore
    largest: int = 4096
    _known: dict[ValueRef, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> ValueRef:
        """As the store does."""
        return self.stored.put(data)

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """As one after another."""
        return tuple(self.put(data) for data in values)

    def get(self, ref: ValueRef) -> bytes:
        """As the store does, and from memory the next time."""
        data = self._known.get(ref)
        if data is None:
            data = self.stored.get(ref)
            if len(data) <= self.largest:
                self._known[ref] = data
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSources:
    """The ports that a report reads.

    Args:
        ledger: Decisions, settlements, promotions.
        values: Opinions, forecasts, views.
        source: Bars and corporate actions.
        calendar: Sessions.
        policy: In force now.
        count_data: Counts what was loaded; None where there is no lake.
    """

    ledger: Ledger
    values: ValueStore
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy
    count_data: Callable[[], DataCounts] | None = None
    _policies: dict[PolicyVersion, TradingPolicy] = field(default_factory=dict)

    def measure_performance(self, book_id: BookId) -> PerformanceReport:
        """How a book did; see `measure_performance`."""
        return measure_performance(
            ledger=self.ledger, source=self.source, calendar=self.calendar, policy=self.policy, book_id=book_id
        )

    def find_policy(self, decision: Decision) -> TradingPolicy:
        """The policy that a decision was made under; the one in force where it had no inputs."""
        if decision.inputs is None:
            return self.policy
        version = decision.inputs.bundle.policy
        if version not in self._policies:
            self._policies[version] = self.ledger.policy(version)
        return self._policies[version]

    def read_open(self, fill: Fill) -> Decimal | None:
        """Open of the bar in which a fill happened, USD; None where the name did not trade."""
        known_at = bar_known_at(self.calendar, self.policy.time, fill.session)
        bar = self.source.bar(fill.instrument, fill.session, known_at=known_at)
        return bar.open if bar else None
