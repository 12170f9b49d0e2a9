"""Every figure that a report shows, in one value: what is not here is not in the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from tradeops.domain.identifiers import BookId, InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.domain.models import ModelRef, ModelState, Promotion
from tradeops.learning.block_bootstrap import Estimate
from tradeops.learning.forecast_statistics import Reliability
from tradeops.services.attribute_profit import Attribution
from tradeops.services.count_data import DataCounts
from tradeops.services.count_funnel import FunnelStep
from tradeops.services.measure_agents import AgentMeasures
from tradeops.services.measure_costs import CostComponents
from tradeops.services.measure_performance import Performance, PerformanceReport
from tradeops.services.measure_positions import PositionMeasures, WeightHistory

WIN_RATE_WANTED = 0.60
DRAWDOWN_WANTED = -0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An outcome that was demanded, met or not; nobody tunes to it.

    Args:
        of: The book, a benchmark or an agent.
        win_rate: Share of closed positions with a profit, of an agent's opinions with the right sign;
            None where there are none.
        drawdown: Deepest fall, ≤ 0.
    """

    of: str
    win_rate: Estimate | None
    drawdown: float

    @property
    def wins(self) -> bool | None:
        """Whether the win rate is above 60 %."""
        return None if self.win_rate is None else self.win_rate.value > WIN_RATE_WANTED

    @property
    def holds(self) -> bool:
        """Whether the drawdown stays below 2 %."""
        return self.drawdown > DRAWDOWN_WANTED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """(T,) equities at each close, USD, of the book and what it is compared with.

    Args:
        sessions: T sessions.
        book: The book.
        holding: Equal-weight buy-and-hold.
        equal_weight: The equal-weight blend.
        cash: Cash alone.
    """

    sessions: tuple[date, ...]
    book: FloatArray
    holding: FloatArray
    equal_weight: FloatArray
    cash: FloatArray

    @property
    def drawdown(self) -> FloatArray:
        """(T,) of the book, ≤ 0."""
        fall: FloatArray = self.book / np.maximum.accumulate(self.book) - 1.0
        return fall


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFigures:
    """A model on a paper account of its own, beside live over the same sessions.

    Args:
        model: Which model.
        version: In the registry.
        state: Shadow or canary.
        book_id: Its account.
        opens_on: First session of it.
        sessions: Settled so far.
        performance: Of its book; None with too few sessions.
        live: Of the live book over the same sessions; None likewise.
        evaluated: Sessions that both forecast and whose outcomes have matured.
        pinball: Mean loss of the model over them, None without any.
        live_pinball: Of the incumbent.
        difference: Model less incumbent, with its interval; None with too few.
        ruling: What the promotion rule says of it now.
        training: Figures of its purged folds, by name; none where it was not trained here.
    """

    model: ModelRef
    version: int
    state: ModelState
    book_id: BookId
    opens_on: date
    sessions: int
    performance: Performance | None
    live: Performance | None
    evaluated: int
    pinball: float | None
    live_pinball: float | None
    difference: Estimate | None
    ruling: str
    training: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something that the figures rest on and that nobody observed."""

    what: str
    value: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportFigures:
    """All figures of one book.

    Args:
        book_id: Whose.
        names: Names that were judged.
        performance: The book beside buy-and-hold and cash.
        equal_weight: The equal-weight blend.
        equal_weight_excess: Annual return of the book less that of the equal-weight blend.
        positions: Exposure and closed positions.
        demands: Win rate and drawdown, of the book, of benchmarks and of agents.
        costs: By component.
        clamp_cost: Expected USD that the gate's clamps gave up.
        attribution: Profit by agent and by name.
        agents: By name.
        reliability: Of P(up); None with too few outcomes.
        pinball: Mean loss of the blend's quantiles, with its interval; None with too few.
        funnel: From names judged to orders filled.
        curves: Equities.
        weights: Of the book.
        live_model: Which model acts.
        live_version: In the registry, 0 for the prior blend.
        staged: Models on accounts of their own.
        promotions: Entries of the promotion ledger, oldest first.
        assumptions: What is assumed and not observed.
        data: What was loaded; None where the lake was not asked.
    """

    book_id: BookId
    names: tuple[InstrumentId, ...]
    performance: PerformanceReport
    equal_weight: Performance
    equal_weight_excess: Estimate
    positions: PositionMeasures
    demands: tuple[Demand, ...]
    costs: CostComponents
    clamp_cost: Decimal
    attribution: Attribution
    agents: tuple[AgentMeasures, ...]
    reliability: Reliability | None
    pinball: Estimate | None
    funnel: tuple[FunnelStep, ...]
    curves: Curves
    weights: WeightHistory
    live_model: ModelRef
    live_version: int
    staged: tuple[StagedFigures, ...]
    promotions: tuple[Promotion, ...]
    assumptions: tuple[Assumption, ...]
    data: DataCounts | None

    @property
    def title(self) -> str:
        """What the book is called."""
        return "The live account" if self.book_id == BookId() else f"The book {self.book_id}"

    @property
    def cost_shares(self) -> Mapping[str, Decimal]:
        """Each component of the costs, USD, in the order shown."""
        costs = self.costs
        return {
            "commission": costs.commission,
            "half-spread": costs.half_spread,
            "impact": costs.impact,
            "rounding to the cent": costs.rounding,
            "borrow": costs.borrow,
        }
