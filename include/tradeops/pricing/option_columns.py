"""Options in columns: what is asked of the pricing, and what it answers, row by row."""

import math
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import InvalidPricingInput, PricingError, PricingModelError
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle, Greeks, OptionKind
from tradeops.pricing.black_scholes import GreekColumns
from tradeops.pricing.lattice import LatticeColumns
from tradeops.pricing.refusals import Refusal, RefusalArray

BoolArray = npt.NDArray[np.bool_]
_QUOTES = (Refusal.BELOW_INTRINSIC, Refusal.ABOVE_BOUND, Refusal.TIME_VALUE_LOST, Refusal.NOT_CONVERGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionColumns:
    """Options of one style, all but the volatility or price; (N,) float64 each, checked by the kernels.

    Args:
        style: When they may be exercised.
        kind: +1 call, −1 put.
        spot: Currency.
        strike: Currency.
        years: To expiry.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate.
    """

    style: ExerciseStyle
    kind: FloatArray
    spot: FloatArray
    strike: FloatArray
    years: FloatArray
    rate: FloatArray
    dividend_yield: FloatArray

    def __post_init__(self) -> None:
        if not isinstance(self.style, ExerciseStyle):  # a word that only looks like one would be taken as European
            raise InvalidPricingInput(f"style is an ExerciseStyle, not {self.style!r}", field="style")
        wrong = {name: column.shape for name, column in self.named.items() if column.shape != (len(self),)}
        if wrong:
            raise InvalidPricingInput(f"columns of {len(self)} options differ in shape: {wrong}", shapes=wrong)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def named(self) -> dict[str, FloatArray]:
        """The columns by name, in the order of the kernels' arguments."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "style"}

    def require_row_each(self, name: str, column: FloatArray) -> None:
        """See that a column has a number an option.

        Raises:
            InvalidPricingInput: It has another shape.
        """
        if np.shape(column) != (len(self),):
            raise InvalidPricingInput(
                f"{name} has shape {np.shape(column)}; give an array of {len(self)}, one an option", field=name
            )

    def take(self, places: npt.NDArray[np.intp]) -> Self:
        """Some of the rows, in the order of `places`."""
        return type(self)(style=self.style, **{name: column[places] for name, column in self.named.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Which rows have no numbers, and why.

    Args:
        refusal: (N,) `Refusal`: the input is outside its range, or the method has no number for it.
        differs: (N,) whether an independent second formula gave another number or failed; the row's is withheld.
        model_version: What computed the numbers.
    """

    refusal: RefusalArray
    differs: BoolArray
    model_version: str

    @property
    def good(self) -> BoolArray:
        """(N,) whether a row has numbers."""
        found: BoolArray = (self.refusal == Refusal.NONE) & ~self.differs
        return found

    def find_error(self, row: int) -> PricingError | None:
        """Why a row has no numbers; nothing if it has."""
        verdict = Refusal(int(self.refusal[row]))
        if verdict is not Refusal.NONE:
            error = InvalidPricingInput if verdict.is_input else PricingModelError
            remedy = "; correct the quote or leave it out" if verdict in _QUOTES else ""
            return error(verdict.reason + remedy, field=_name_field(verdict))
        if self.differs[row]:
            return PricingModelError(
                f"{self.model_version} and its second formula disagree here: use no number of it, and report the row",
                field="model",
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedColumns:
    """Values and Greeks by row; a row has numbers or an error, never neither and never both.

    Args:
        asked: The options.
        volatility: (N,) the volatility that was asked for, a fraction a year.
        greeks: (N,) each.
        verdicts: Which rows have none.
    """

    asked: OptionColumns
    volatility: FloatArray
    greeks: GreekColumns | LatticeColumns
    verdicts: Verdicts

    def read(self, row: int) -> Greeks:
        """One row as a value with invariants.

        Raises:
            InvalidPricingInput: Its input is outside its range.
            PricingModelError: The model has no numbers for it, or such as no option can have.
        """
        error = self.verdicts.find_error(row)
        if error is not None:
            raise error
        discount = math.exp(-float(self.asked.dividend_yield[row]) * float(self.asked.years[row]))
        american = self.asked.style is ExerciseStyle.AMERICAN
        return Greeks(
            kind=OptionKind.CALL if self.asked.kind[row] > 0 else OptionKind.PUT,
            largest_delta=max(discount, 1.0) if american else discount,
            **{field.name: float(getattr(self.greeks, field.name)[row]) for field in fields(self.greeks)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedColumns:
    """Implied volatilities by row.

    Args:
        volatility: (N,) a fraction a year; NaN exactly where the verdict is not good.
        verdicts: Which rows have none.
    """

    volatility: FloatArray
    verdicts: Verdicts


def _name_field(verdict: Refusal) -> str:
    """The input at fault, or `model`."""
    if verdict.is_input:
        return verdict.name.lower()
    return "price" if verdict in _QUOTES else "model"
