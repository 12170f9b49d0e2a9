"""Batches of options, a clock that stands still, and metrics that can be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing.option_columns import OptionColumns
from tradeops.services.price_options import PricingLimits, PricingService
from tradeops.services.watch_prices import WatchLimits
from tradeops.telemetry import METER, PricingInstruments


def make_columns(rows: int = 200, *, seed: int = 7, style: ExerciseStyle = ExerciseStyle.EUROPEAN) -> OptionColumns:
    draw = np.random.default_rng(seed)
    return OptionColumns(
        style=style,
        kind=draw.choice([1.0, -1.0], rows),
        spot=draw.uniform(50, 150, rows),
        strike=draw.uniform(50, 150, rows),
        years=draw.uniform(0.05, 2, rows),
        rate=draw.uniform(0.0, 0.06, rows),
        dividend_yield=draw.uniform(0.0, 0.04, rows),
    )


def make_volatility(rows: int = 200, *, seed: int = 8) -> FloatArray:
    return np.random.default_rng(seed).uniform(0.1, 0.6, rows)


@dataclass
class StillClock:
    """Moves a millisecond at each look, and as far as it is told."""

    now: float = 0.0

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now


@dataclass
class Bench:
    """A service, its clock and what it measured."""

    share: float = 0.05
    clock: StillClock = field(default_factory=StillClock)

    def __post_init__(self) -> None:
        self._reader = InMemoryMetricReader()
        meter = MeterProvider(metric_readers=[self._reader]).get_meter(METER)
        limits = PricingLimits(watch=WatchLimits(check_share=self.share))
        self.service = PricingService(clock=self.clock, instruments=PricingInstruments(meter), limits=limits)

    def measure(self, name: str) -> list[tuple[Mapping[str, object], float]]:
        """Attributes and sum of each series of a metric."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes or {}), getattr(point, "sum", None) or getattr(point, "value", 0))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def total(self, name: str) -> float:
        return sum(value for _, value in self.measure(name))
