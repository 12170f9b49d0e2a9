"""Discrete cash dividends in the escrowed model.

The spot is taken as two parts: the present value of the dividends up to expiry, which is certain, and the
rest, which is what the volatility speaks of. European values are those of the rest; a lattice grows the rest
and adds back what is still to be paid where it compares with immediate exercise.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tradeops.domain.errors import InvalidPricingInput
from tradeops.domain.market import FloatArray
from tradeops.pricing.contract_columns import NumberColumn, lay_out


@dataclass(frozen=True, slots=True, kw_only=True)
class CashDividend:
    """A dividend that is known.

    Args:
        years: From now until the share trades without it, > 0.
        amount: Currency a share, ≥ 0.
    """

    years: float
    amount: float

    def __post_init__(self) -> None:
        if not 0.0 < self.years < np.inf:
            raise InvalidPricingInput(f"a dividend lies ahead: years > 0, not {self.years!r}", years=self.years)
        if not 0.0 <= self.amount < np.inf:
            raise InvalidPricingInput(f"a dividend's amount is ≥ 0, not {self.amount!r}", amount=self.amount)


def lay_out_dividends(dividends: Iterable[CashDividend]) -> tuple[FloatArray, FloatArray]:
    """Years and amounts, (D,) each."""
    paid = tuple(dividends)
    return np.array([d.years for d in paid], np.float64), np.array([d.amount for d in paid], np.float64)


def escrow_spot(
    spot: NumberColumn, dividends: Iterable[CashDividend], *, years: NumberColumn, rate: NumberColumn
) -> FloatArray:
    """Spot less the present value of the dividends that fall up to and on expiry: the spot for `price_european`.

    Args:
        spot: Currency.
        dividends: Those of the underlying; later ones than expiry do not count.
        years: To expiry.
        rate: Fraction a year, continuously compounded.

    Raises:
        InvalidPricingInput: Columns are no numbers or do not broadcast, or the dividends are worth the spot or more.
    """
    shape, columns = lay_out({"spot": spot, "years": years, "rate": rate})
    at, amount = lay_out_dividends(dividends)
    counted = at <= columns["years"][:, None]
    rest = columns["spot"] - (np.where(counted, amount, 0.0) * np.exp(-columns["rate"][:, None] * at)).sum(axis=1)
    if not (rest > 0.0).all():
        row = int(np.flatnonzero(~(rest > 0.0))[0])
        raise InvalidPricingInput(f"row {row}: spot less the dividends before expiry is not above 0", row=row)
    escrowed: FloatArray = rest.reshape(shape)
    return escrowed
