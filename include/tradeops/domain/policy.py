"""The trading policy: universe, limits, costs, roster, blend, slate and sizing, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import AgentId, InstrumentId, PolicyVersion, content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPolicy:
    """How an account starts: flat, on `opens_on`, with `initial_cash` USD."""

    opens_on: date
    initial_cash: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePolicy:
    """When things are known.

    Args:
        vendor_delay_minutes: From a session's close until its bar is known.
        decision_delay_minutes: From then until the decision.
    """

    vendor_delay_minutes: int
    decision_delay_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UniversePolicy:
    """Which names may be judged.

    Args:
        names: Instruments of the source that are eligible.
        minimum_bars: Bars a name needs at as_of.
        lookback: Rows of a view, ≤ `minimum_bars`.
        lot: Shares a lot.
    """

    names: tuple[InstrumentId, ...]
    minimum_bars: int
    lookback: int
    lot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """What the gate enforces; shares of equity are fractions.

    Args:
        gross: Sum of absolute exposures.
        single_name: Absolute exposure of one name.
        cash_buffer: Cash that stays.
        participation: Of a bar's volume, applied at the fill.
        drawdown_start: Drawdown from the peak of 252 sessions at which allowed gross begins to fall.
        drawdown_stop: Drawdown at which allowed gross is zero.
        largest_order_count: Orders a cycle may send.
        price_move: Largest move of a reference price against the previous close, as a fraction of
            it (after splits); beyond it the price is not believed.
    """

    gross: Decimal
    single_name: Decimal
    cash_buffer: Decimal
    participation: Decimal
    drawdown_start: Decimal
    drawdown_stop: Decimal
    largest_order_count: int
    price_move: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSchedule:
    """What trading costs; everything here is assumed, nothing observed.

    Args:
        version: Name of the schedule.
        basis: `assumed` or `observed`.
        commission_per_share: USD.
        commission_minimum: USD an order.
        half_spread: Fraction of the price.
        impact: Fraction of the price at `impact_participation`; grows with the square root.
        impact_participation: Share of the 20-day average volume at which `impact` holds.
        cash_interest: A year, act/360.
        borrow: A year, act/360.
    """

    version: str
    basis: str
    commission_per_share: Decimal
    commission_minimum: Decimal
    half_spread: Decimal
    impact: Decimal
    impact_participation: Decimal
    cash_interest: Decimal
    borrow: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendPolicy:
    """How opinions become a forecast.

    Args:
        horizon: Sessions from open t+1 to open t+1+horizon.
        information: Mean forecast in standard deviations at a blended score of 1.
        volatility_window: Sessions of realised volatility.
        residual_minimum: Matured outcomes before empirical quantiles replace the normal ones.
        residual_window: Latest outcomes that the empirical quantiles are made of.
    """

    horizon: int
    information: float
    volatility_window: int
    residual_minimum: int
    residual_window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlatePolicy:
    """How names are chosen.

    Args:
        size: K, names a slate.
        candidates: M, candidate names at most.
        exploration: ε, share of uniform choice.
        temperature: Of the softmax over marginal gains.
        quality: Weight of the score in the quality of a name.
    """

    size: int
    candidates: int
    exploration: float
    temperature: float
    quality: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingPolicy:
    """How much.

    Args:
        volatility_target: Of the book, a year.
        covariance_window: Sessions of the covariance estimate.
        keep_sessions: Sessions a held name outside the slate is kept after its last selection.
        smallest_change: Of the target; smaller changes are not traded.
        smallest_value: USD; smaller changes are not traded.
        gap_reserve: Share of equity left uninvested beside the cash buffer, so that a gap between
            the close that orders are sized on and the open that fills them rarely overdraws.
    """

    volatility_target: float
    covariance_window: int
    keep_sessions: int
    smallest_change: float
    smallest_value: Decimal
    gap_reserve: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPolicy:
    """How the blender is trained.

    Args:
        folds: Of the purged walk-forward split.
        purge: Sessions left out between training and test, and after a test (embargo).
        minimum_sessions: Sessions before the first fold.
        rounds: Boosting rounds.
        leaves: Leaves a tree.
        learning_rate: Of the boosting.
        smallest_leaf: Rows a leaf.
        seed: Of the boosting.
    """

    folds: int
    purge: int
    minimum_sessions: int
    rounds: int
    leaves: int
    learning_rate: float
    smallest_leaf: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionPolicy:
    """When a model may go on.

    Args:
        shadow_sessions: Evaluated sessions that a shadow needs.
        canary_sessions: Evaluated sessions that a canary needs.
        block: Sessions a block of the bootstrap.
        level: Of the interval.
        approval_hours: How long a person has; no answer is a rejection.
    """

    shadow_sessions: int
    canary_sessions: int
    block: int
    level: float
    approval_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingPolicy:
    """The whole policy; its version is its content."""

    account: AccountPolicy
    time: TimePolicy
    universe: UniversePolicy
    limits: LimitPolicy
    costs: CostSchedule
    roster: Mapping[AgentId, float]
    blend: BlendPolicy
    slate: SlatePolicy
    sizing: SizingPolicy
    training: TrainingPolicy
    promotion: PromotionPolicy

    def __post_init__(self) -> None:
        limits = self.limits
        fractions = (limits.gross, limits.single_name, limits.cash_buffer, limits.participation)
        if any(not 0 <= share <= 1 for share in fractions):
            raise ConfigurationError("policy limits are fractions of equity in [0, 1]")
        if not 0 <= limits.drawdown_start < limits.drawdown_stop <= 1:
            raise ConfigurationError("policy needs 0 ≤ drawdown_start < drawdown_stop ≤ 1")
        if self.universe.lookback > self.universe.minimum_bars or not self.roster:
            raise ConfigurationError("policy needs lookback ≤ minimum_bars and a roster")
        if not 0 < self.slate.exploration <= 1 or self.slate.temperature <= 0:
            raise ConfigurationError("policy needs exploration in (0, 1] and temperature > 0")
        if any(weight <= 0 for weight in self.roster.values()):
            raise ConfigurationError("policy roster weights are positive; leave an agent out instead")

    @property
    def version(self) -> PolicyVersion:
        """Hash over every value."""
        return PolicyVersion(content_hash(self))
