"""American values in closed form: the two-boundary approximation of Bjerksund and Stensland (2002)."""

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.pricing.american_kernels import value_american_rows
from tradeops.pricing.contract_columns import NumberColumn, lay_out_contract
from tradeops.pricing.refusals import RefusalArray, raise_first_refusal


def evaluate_american(
    kind: NumberColumn,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
    volatility: NumberColumn,
) -> tuple[FloatArray, RefusalArray]:
    """Values and the refusal of each row (`Refusal`); a refused row's value is 0 and means nothing.

    The method exercises by a rule that is not quite the best one: its values are never above the American
    value, and never below the European value or immediate exercise. Where waiting always pays (a call without
    dividend yield at a rate ≥ 0; a put with the two exchanged) the value is the European one.
    Near the money, up to 60 % of volatility and three years, values are short by at most 0.4 % of spot; deep in the
    money, or at higher volatilities over years, by several percent: use `price_on_lattice` there.

    Args:
        kind: +1 call, −1 put.
        spot: Currency, as strike.
        strike: Currency.
        years: To expiry.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate.
        volatility: Fraction per square root of a year.

    Raises:
        InvalidPricingInput: The columns are no numbers or do not broadcast.
    """
    shape, columns = lay_out_contract(kind, spot, strike, years, rate, dividend_yield, volatility)
    found, refusal = _value(columns)
    return found.reshape(shape), refusal.reshape(shape)


def price_american(
    kind: NumberColumn,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
    volatility: NumberColumn,
) -> FloatArray:
    """Values of rows that are all good; arguments and method as of `evaluate_american`.

    Raises:
        InvalidPricingInput: A row's input is outside its range; the first such row is named.
        PricingModelError: The method has no number for a row.
    """
    shape, columns = lay_out_contract(kind, spot, strike, years, rate, dividend_yield, volatility)
    found, refusal = _value(columns)
    raise_first_refusal(refusal, columns)
    return found.reshape(shape)


def _value(columns: dict[str, FloatArray]) -> tuple[FloatArray, RefusalArray]:
    rows = len(columns["spot"])
    found, refusal = np.empty(rows), np.empty(rows, np.int8)
    value_american_rows(*columns.values(), found, refusal)
    return found, refusal
