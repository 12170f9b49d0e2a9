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
from tradeops.pricing.lattice_kernels import still_to_pay_rows


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


def lay_out_dividends(dividends: Iterable[CashDividend]) -> FloatArray:
    """(2, D): years, then amounts."""
    paid = [(dividend.years, dividend.amount) for dividend in dividends]
    return np.array(paid, np.float64).reshape(-1, 2).T.copy()


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
    worth = np.empty(len(columns["spot"]))
    still_to_pay_rows(columns["years"], columns["rate"], lay_out_dividends(dividends), worth)
    rest = columns["spot"] - worth
    bad = ~((rest > 0.0) & np.isfinite(rest) & np.isfinite(columns["years"]) & np.isfinite(columns["rate"]))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        values = {name: float(column[row]) for name, column in columns.items()}
        raise InvalidPricingInput(
            f"row {row}, {values}: spot less the dividends before expiry is a finite number above 0, not {rest[row]!r}",
            row=row,
        )
    escrowed: FloatArray = rest.reshape(shape)
    return escrowed
