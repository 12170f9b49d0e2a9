"""Why a row has no number."""

from enum import IntEnum, unique
from typing import Final

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import InvalidPricingInput, PricingModelError

RefusalArray = npt.NDArray[np.int8]


@unique
class Refusal(IntEnum):
    """Verdict on one row; `NONE` where there is a number."""

    NONE = 0
    KIND = 1
    SPOT = 2
    STRIKE = 3
    YEARS = 4
    RATE = 5
    DIVIDEND_YIELD = 6
    VOLATILITY = 7
    PRICE = 8
    KINK = 20
    NOT_FINITE = 21
    NO_BOUNDARY = 22
    NO_CLOSED_FORM = 23
    TOO_FEW_STEPS = 24
    DIVIDENDS = 25
    BELOW_INTRINSIC = 30
    ABOVE_BOUND = 31
    TIME_VALUE_LOST = 32
    NO_TIME = 33
    NOT_CONVERGED = 34

    @property
    def is_input(self) -> bool:
        """Whether the row's input is at fault, and not the method."""
        return self < Refusal.KINK

    @property
    def reason(self) -> str:
        """What is wrong and what cures it."""
        return _REASONS[self]


_REASONS: Final = {
    Refusal.NONE: "nothing is wrong",
    Refusal.KIND: "kind is +1 for a call or -1 for a put",
    Refusal.SPOT: "spot is a finite number from 1e-100 to 1e100",
    Refusal.STRIKE: "strike is a finite number from 1e-100 to 1e100",
    Refusal.YEARS: "years is a finite number from 0 to 1,000",
    Refusal.RATE: "rate is a finite fraction a year from -10 to 10, continuously compounded",
    Refusal.DIVIDEND_YIELD: "dividend_yield is a finite fraction a year from -10 to 10, continuously compounded",
    Refusal.VOLATILITY: "volatility is a finite fraction a year (0.2 for 20 %) from 0 to 1,000",
    Refusal.PRICE: "price is a finite number of at least 0",
    Refusal.KINK: "without time or volatility left and with the strike at the forward the value is 0, and there are "
    "no Greeks: delta jumps and gamma is infinite",
    Refusal.NOT_FINITE: "the result lies outside what a float64 holds: use less extreme numbers",
    Refusal.NO_BOUNDARY: "no single exercise boundary exists for a negative rate without a positive dividend yield "
    "(for a put the two change roles): use price_on_lattice",
    Refusal.NO_CLOSED_FORM: "volatility is too small beside rate and dividend yield for the closed form's factors: "
    "use price_on_lattice",
    Refusal.TOO_FEW_STEPS: "a lattice of this many steps does not reach from spot to strike: use more steps, or "
    "where there is hardly any volatility price_european (American: the highest over expiries up to its own)",
    Refusal.DIVIDENDS: "the cash dividends before expiry are worth more than spot: check amounts and currency",
    Refusal.BELOW_INTRINSIC: "the quote is below the discounted intrinsic value: exercise against it is arbitrage",
    Refusal.ABOVE_BOUND: "the quote is not below the value of infinite volatility: selling it is arbitrage",
    Refusal.TIME_VALUE_LOST: "the quote's time value is below the resolution of its digits: any low volatility fits; "
    "use the other kind's quote by put-call parity",
    Refusal.NO_TIME: "no time is left: the value does not depend on volatility",
    Refusal.NOT_CONVERGED: "no volatility from 0 to 1,000 reproduces the quote",
}


def raise_first_refusal(refusal: RefusalArray, columns: dict[str, npt.NDArray[np.float64]]) -> None:
    """Raise for the first refused row, if there is one.

    Args:
        refusal: (N,) of `Refusal`.
        columns: (N,) each, by the argument's name, for the message.

    Raises:
        InvalidPricingInput: The row's input is at fault.
        PricingModelError: The method has no number for it.
    """
    if not refusal.any():
        return
    row = int(np.flatnonzero(refusal)[0])
    verdict = Refusal(int(refusal[row]))
    values = {name: float(column[row]) for name, column in columns.items()}
    error = InvalidPricingInput if verdict.is_input else PricingModelError
    field = verdict.name.lower()
    shown = f"{field} = {values[field]!r}" if field in values else str(values)
    raise error(f"row {row}, {shown}: {verdict.reason}", row=row, refusal=verdict, values=values)
