"""Implied volatilities of European quotes."""

from dataclasses import dataclass

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.pricing.contract_columns import NumberColumn, lay_out
from tradeops.pricing.implied_volatility_kernels import solve_rows
from tradeops.pricing.refusals import RefusalArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedVolatilities:
    """Answers of one shape.

    Args:
        volatility: Fraction per square root of a year; NaN exactly where refused.
        refusal: int8, `Refusal` of each quote: input outside its range (`KIND` … `PRICE`), `NO_TIME`,
            `BELOW_INTRINSIC`, `ABOVE_BOUND`, `TIME_VALUE_LOST`, `NOT_FINITE` or `NOT_CONVERGED`.
    """

    volatility: FloatArray
    refusal: RefusalArray


def solve_implied_volatility(
    kind: NumberColumn,
    price: NumberColumn,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
) -> ImpliedVolatilities:
    """The volatility at which `price_european` gives the quote, or the reason why there is none.

    A quote of an option in the money holds its time value only to 4e-15 of spot and strike; below that every
    low volatility fits, and it is refused with `TIME_VALUE_LOST`. Quotes are dirty by nature: a bad one is
    reported in its place and raises nothing.

    Args:
        kind: +1 call, −1 put.
        price: Currency, as spot and strike.
        spot: Currency.
        strike: Currency.
        years: To expiry.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate.

    Raises:
        InvalidPricingInput: The columns are no numbers or do not broadcast.
    """
    names = ("kind", "price", "spot", "strike", "years", "rate", "dividend_yield")
    shape, columns = lay_out(dict(zip(names, (kind, price, spot, strike, years, rate, dividend_yield), strict=True)))
    rows = len(columns["price"])
    found, refusal = np.empty(rows), np.empty(rows, np.int8)
    solve_rows(*columns.values(), found, refusal)
    return ImpliedVolatilities(volatility=found.reshape(shape), refusal=refusal.reshape(shape))
