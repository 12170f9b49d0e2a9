"""Prices options for the rest of the system, watches itself, and says when it no longer vouches for an answer."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from tradeops.domain.errors import InvalidPricingInput, PricingError, PricingModelError
from tradeops.domain.lifecycle import advance
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle, PricingModel
from tradeops.domain.service_health import SERVICE_STEPS, ServiceHealth
from tradeops.ports.clock import Clock
from tradeops.pricing.black_scholes import GreekColumns
from tradeops.pricing.lattice import LatticeColumns
from tradeops.pricing.option_columns import ImpliedColumns, OptionColumns, PricedColumns, Verdicts
from tradeops.pricing.refusals import Refusal
from tradeops.resilience.breaker import Breaker, BreakerPolicy
from tradeops.services.option_tasks import (
    AmericanTask,
    Answer,
    EuropeanTask,
    ImpliedTask,
    LatticeTask,
    OptionTask,
    list_first_tasks,
)
from tradeops.services.tell_batches import PricedBatch, tell_batch
from tradeops.services.watch_prices import PriceWatch, WatchLimits
from tradeops.telemetry import PRICING, PricingInstruments


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingLimits:
    """What the service allows itself.

    Args:
        watch: How much is recomputed, and how near it must come.
        breaker: When a failing kernel is left in peace.
        logged_rows: Rows of a batch that its log line shows.
    """

    watch: WatchLimits = field(default_factory=WatchLimits)
    breaker: BreakerPolicy = field(default_factory=lambda: BreakerPolicy(most_failures=3, rest_seconds=5.0))
    logged_rows: int = 3


class PricingService:
    """Values, Greeks and implied volatilities of batches, with a check of its own work.

    `start` it, or use it with `with`. For one thread at a time. While nothing disagrees a sample of each batch is
    recomputed; from the first disagreement on every row of that model is, until as many agree again: a
    degraded service is slow and not wrong.

    Args:
        clock: For how long a batch takes, and how long a failing kernel rests.
        instruments: Metrics.
        limits: What it allows itself.
    """

    def __init__(self, *, clock: Clock, instruments: PricingInstruments, limits: PricingLimits) -> None:
        self._clock = clock
        self._instruments = instruments
        self._limits = limits
        self._watch = PriceWatch(limits.watch)
        self._breaker = Breaker(name="the pricing kernel", policy=limits.breaker)
        self._health = ServiceHealth.STOPPED

    @property
    def health(self) -> ServiceHealth:
        """Where it stands now."""
        return self._health

    def start(self) -> None:
        """Load the kernels and hold each of them to the closed form.

        Raises:
            IllegalTransition: It runs already.
            PricingError: A kernel fails; the service is stopped again.
        """
        self._turn(ServiceHealth.STARTING)
        try:
            for task in list_first_tasks():
                self._watch.distrust(task)  # so that every row is recomputed
                self._run(task, "start")
        except PricingError:
            self.stop()
            raise
        self._settle()

    def stop(self) -> None:
        """Answer nothing any more.

        Raises:
            IllegalTransition: It is stopped already.
        """
        self._turn(ServiceHealth.STOPPED)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def price(
        self,
        asked: OptionColumns,
        volatility: FloatArray,
        *,
        request_id: str,
        model: PricingModel = PricingModel.CLOSED_FORM,
    ) -> PricedColumns:
        """Values and Greeks; a bad row is reported in its place and harms no other.

        Args:
            asked: The options.
            volatility: (N,) a fraction a year.
            request_id: The caller's; it names the batch in the log and decides which rows are recomputed.
            model: By their style's closed form, or on the lattice, which has no vanna, volga and charm.

        Raises:
            InvalidPricingInput: `volatility` is not one number an option, or there is no such model.
            PricingError: The service is stopped, or the kernel fails.
            CircuitOpen: The kernel failed too often just now.
        """
        task = _choose_task(asked.style, model)
        answer, verdicts = self._ask(task(asked=asked, volatility=volatility), request_id)
        greeks = LatticeColumns(**answer.columns) if task is LatticeTask else GreekColumns(**answer.columns)
        return PricedColumns(asked=asked, volatility=volatility, greeks=greeks, verdicts=verdicts)

    def imply(self, asked: OptionColumns, price: FloatArray, *, request_id: str) -> ImpliedColumns:
        """Implied volatilities of European options of prices (N,); else as `price`.

        Raises:
            InvalidPricingInput: The options are American.
        """
        if asked.style is ExerciseStyle.AMERICAN:
            raise InvalidPricingInput("implied volatilities are of European options: price them as European")
        answer, verdicts = self._ask(ImpliedTask(asked=asked, price=price), request_id)
        return ImpliedColumns(volatility=answer.columns["volatility"], verdicts=verdicts)

    def _ask(self, task: OptionTask, request_id: str) -> tuple[Answer, Verdicts]:
        if self._health is ServiceHealth.STOPPED:
            raise PricingError("the pricing service is stopped; start it before asking")
        try:
            return self._run(task, request_id)
        finally:
            self._settle()

    def _run(self, task: OptionTask, request_id: str) -> tuple[Answer, Verdicts]:
        answer, seconds = self._compute(task)
        good = answer.refusal == Refusal.NONE
        checked = self._watch.check(task, answer, good, request_id)
        good &= ~checked.differs
        for column in answer.columns.values():
            column[~good] = np.nan
        differences = int(np.count_nonzero(checked.differs))
        batch = PricedBatch(
            task=task, answer=answer, request_id=request_id, seconds=seconds, good=good, checked=checked.rows,
            differences=differences,
        )  # fmt: skip
        tell_batch(batch, self._instruments, logged_rows=self._limits.logged_rows)
        return answer, Verdicts(refusal=answer.refusal, differs=checked.differs, model_version=task.model_version)

    def _compute(self, task: OptionTask) -> tuple[Answer, float]:
        started = self._clock.monotonic()
        self._breaker = self._breaker.admit(started)
        try:
            answer = task.compute()
        except PricingError:
            self._breaker = self._breaker.succeed()  # the caller's columns are at fault
            raise
        except Exception as error:
            self._breaker = self._breaker.fail(self._clock.monotonic())
            self._watch.distrust(task)
            raise PricingModelError(
                f"{task.model_version} failed with {type(error).__name__}: {error}; ask again",
                failures=self._breaker.failures,
            ) from error
        self._breaker = self._breaker.succeed()
        return answer, self._clock.monotonic() - started

    def _settle(self) -> None:
        """Be as healthy as the watch says."""
        found = ServiceHealth.HEALTHY if self._watch.trusts_all else ServiceHealth.DEGRADED
        if found is not self._health:
            self._turn(found)

    def _turn(self, after: ServiceHealth) -> None:
        before, self._health = self._health, advance(SERVICE_STEPS, self._health, after)
        PRICING.info("pricing service %s", after, extra={"before": before.value, "health": after.value})


def _choose_task(style: ExerciseStyle, model: PricingModel) -> type[EuropeanTask | AmericanTask | LatticeTask]:
    if not isinstance(model, PricingModel):  # a word that only looks like one would be taken as the closed form
        raise InvalidPricingInput(f"model is a PricingModel, not {model!r}", field="model")
    if model is PricingModel.LATTICE:
        return LatticeTask
    return AmericanTask if style is ExerciseStyle.AMERICAN else EuropeanTask
