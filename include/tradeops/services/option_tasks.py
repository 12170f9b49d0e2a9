"""What the pricing service can be asked for: how it is computed, and how an answer is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Protocol

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing.american_greeks import evaluate_american_greeks
from tradeops.pricing.black_scholes import GreekColumns, evaluate_european
from tradeops.pricing.implied_volatility import solve_implied_volatility
from tradeops.pricing.kernel_sources import KERNEL_SOURCES
from tradeops.pricing.lattice import STEPS, LatticeColumns, evaluate_on_lattice
from tradeops.pricing.option_columns import OptionColumns
from tradeops.pricing.refusals import RefusalArray
from tradeops.services.recompute_prices import (
    RowArray,
    find_wrong_american,
    find_wrong_greeks,
    find_wrong_on_lattice,
    find_wrong_volatilities,
)

VERSION = KERNEL_SOURCES[:12]


class Answer(NamedTuple):
    """Columns (N,) by name, and `Refusal` by row."""

    columns: Mapping[str, FloatArray]
    refusal: RefusalArray


class OptionTask(Protocol):
    """One batch of one model."""

    @property
    def asked(self) -> OptionColumns:
        """The options."""
        ...

    @property
    def inputs(self) -> Mapping[str, FloatArray]:
        """Everything that is given, (N,) each."""
        ...

    @property
    def model_version(self) -> str:
        """Name of the model, and a hash of the kernels' sources."""
        ...

    def compute(self) -> Answer:
        """Ask the kernel."""
        ...

    def find_wrong(self, answer: Answer, places: RowArray, tolerance: float) -> RowArray:
        """Recompute some rows; those that differ by more than `tolerance` of their terms' size."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityTask:
    """What is computed of a volatility (N,)."""

    asked: OptionColumns
    volatility: FloatArray

    def __post_init__(self) -> None:
        self.asked.require_row_each("volatility", self.volatility)

    @property
    def inputs(self) -> Mapping[str, FloatArray]:
        """Everything that is given, (N,) each."""
        return {**self.asked.named, "volatility": self.volatility}


class EuropeanTask(VolatilityTask):
    """Values and Greeks after Black, Scholes and Merton."""

    __slots__ = ()

    @property
    def model_version(self) -> str:
        """Name of the model, and a hash of the kernels' sources."""
        return f"black_scholes_merton/{VERSION}"

    def compute(self) -> Answer:
        """Ask the kernel."""
        rows = evaluate_european(**self.inputs)
        return Answer(_name_columns(rows.greeks), rows.refusal)

    def find_wrong(self, answer: Answer, places: RowArray, tolerance: float) -> RowArray:
        """Recompute some rows; those of which a number differs."""
        return find_wrong_greeks(self.asked, self.volatility, answer.columns, places, tolerance)


class AmericanTask(VolatilityTask):
    """Values after Bjerksund and Stensland, and their slopes."""

    __slots__ = ()

    @property
    def model_version(self) -> str:
        """Name of the model, and a hash of the kernels' sources."""
        return f"bjerksund_stensland_2002/{VERSION}"

    def compute(self) -> Answer:
        """Ask the kernel."""
        rows = evaluate_american_greeks(self.inputs)
        return Answer(_name_columns(rows.greeks), rows.refusal)

    def find_wrong(self, answer: Answer, places: RowArray, tolerance: float) -> RowArray:
        """Recompute some values; those that differ."""
        return find_wrong_american(self.asked, self.volatility, answer.columns["value"], places, tolerance)


class LatticeTask(VolatilityTask):
    """Values and slopes on Leisen and Reimer's lattice, of either style."""

    __slots__ = ()

    @property
    def model_version(self) -> str:
        """Name of the model with its steps, and a hash of the kernels' sources."""
        return f"leisen_reimer_{STEPS}/{VERSION}"

    def compute(self) -> Answer:
        """Ask the kernel."""
        found, refusal = evaluate_on_lattice(self.asked.style, self.inputs)
        return Answer(_name_columns(found), refusal)

    def find_wrong(self, answer: Answer, places: RowArray, tolerance: float) -> RowArray:
        """Recompute some values; those that differ."""
        return find_wrong_on_lattice(self.asked, self.volatility, answer.columns["value"], places, tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedTask:
    """Volatilities at which Black, Scholes and Merton's value is a price (N,)."""

    asked: OptionColumns
    price: FloatArray

    def __post_init__(self) -> None:
        self.asked.require_row_each("price", self.price)

    @property
    def inputs(self) -> Mapping[str, FloatArray]:
        """Everything that is given, (N,) each."""
        return {**self.asked.named, "price": self.price}

    @property
    def model_version(self) -> str:
        """Name of the model, and a hash of the kernels' sources."""
        return f"black_scholes_merton_implied/{VERSION}"

    def compute(self) -> Answer:
        """Ask the kernel."""
        rows = solve_implied_volatility(**self.inputs)
        return Answer({"volatility": rows.volatility}, rows.refusal)

    def find_wrong(self, answer: Answer, places: RowArray, tolerance: float) -> RowArray:
        """Price some volatilities; those that do not give their price back."""
        return find_wrong_volatilities(self.asked, answer.columns["volatility"], self.price, places, tolerance)


def _name_columns(greeks: GreekColumns | LatticeColumns) -> dict[str, FloatArray]:
    return {field.name: getattr(greeks, field.name) for field in fields(greeks)}


def list_first_tasks() -> tuple[OptionTask, ...]:
    """One small batch for each model, with known good rows: they load the kernels and can be checked in full."""
    kind, strike, years = (
        column.ravel() for column in np.meshgrid([1.0, -1.0], [80.0, 100.0, 125.0], [0.02, 0.5, 3.0])
    )
    rows = len(kind)
    asked = OptionColumns(
        style=ExerciseStyle.EUROPEAN,
        kind=kind,
        spot=np.full(rows, 100.0),
        strike=strike,
        years=years,
        rate=np.full(rows, 0.03),
        dividend_yield=np.full(rows, 0.01),
    )
    volatility = np.full(rows, 0.25)
    price = np.maximum(kind * (asked.spot - strike), 0.0) + 8.0 * np.sqrt(years)
    american, few = replace(asked, style=ExerciseStyle.AMERICAN), np.arange(0, rows, 4)
    return (
        EuropeanTask(asked=asked, volatility=volatility),
        AmericanTask(asked=american, volatility=volatility),
        LatticeTask(asked=american.take(few), volatility=volatility[few]),
        ImpliedTask(asked=asked, price=price),
    )
