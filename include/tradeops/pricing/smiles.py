"""Quoted volatilities of one expiry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from tradeops.domain.errors import InvalidPricingInput
from tradeops.domain.market import FloatArray

FEWEST_QUOTES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilitySmile:
    """What the market quotes for one expiry.

    Args:
        expiry: Its date, for messages.
        years: Year fraction to it, > 0.
        forward: Forward price of the underlying, USD a share, > 0.
        strikes: (N,) USD a share, > 0, strictly increasing; at least three.
        volatilities: (N,) implied volatility a year, a fraction, > 0.
        errors: (N,) how far a volatility may be off (half its bid-ask width), > 0; quotes weigh by its inverse.
    """

    expiry: date
    years: float
    forward: float
    strikes: FloatArray
    volatilities: FloatArray
    errors: FloatArray

    def __post_init__(self) -> None:
        if not 0 < self.years < np.inf or not 0 < self.forward < np.inf:
            raise InvalidPricingInput(
                f"smile {self.expiry} needs years and forward above 0, got {self.years} and {self.forward}",
                expiry=self.expiry,
            )
        if len(self.strikes) < FEWEST_QUOTES:
            raise InvalidPricingInput(
                f"smile {self.expiry} has {len(self.strikes)} quotes; give at least {FEWEST_QUOTES}, or leave it out",
                expiry=self.expiry,
            )
        for name in ("strikes", "volatilities", "errors"):
            self._check_column(name, getattr(self, name))
        if not np.all(np.diff(self.strikes) > 0):
            raise InvalidPricingInput(f"strikes of smile {self.expiry} must increase, none twice", expiry=self.expiry)

    @property
    def log_moneyness(self) -> FloatArray:
        """(N,) log(strike / forward)."""
        found: FloatArray = np.log(self.strikes / self.forward)
        return found

    @property
    def total_variances(self) -> FloatArray:
        """(N,) volatility² × years."""
        return self.volatilities * self.volatilities * self.years

    def _check_column(self, name: str, column: FloatArray) -> None:
        wrong = np.flatnonzero(~(np.isfinite(column) & (column > 0)))
        if column.shape != self.strikes.shape or wrong.size:
            place = f" at number {wrong[0]}" if wrong.size else ""
            raise InvalidPricingInput(
                f"{name} of smile {self.expiry} must be finite numbers above 0, one a strike{place}",
                expiry=self.expiry,
            )


def check_smiles(smiles: Sequence[VolatilitySmile]) -> None:
    """See that expiries come once, nearest first.

    Raises:
        InvalidPricingInput: There is no smile, or they are out of order.
    """
    if not smiles:
        raise InvalidPricingInput("a surface needs at least one smile")
    for near, far in pairwise(smiles):
        if not near.years < far.years:
            raise InvalidPricingInput(f"smile {far.expiry} must lie after {near.expiry}; sort them, each expiry once")
