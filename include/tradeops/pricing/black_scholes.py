"""European options after Black, Scholes and Merton (1973) with a continuous dividend yield: values and Greeks.

With F = S·e^((r−q)T), s = σ√T, d₁ = ln(F/K)/s + s/2, d₂ = d₁ − s and θ = +1 (call) or −1 (put)

    value = θ·(S·e^(−qT)·N(θd₁) − K·e^(−rT)·N(θd₂)).

At zero time or zero volatility (s = 0, and s < 1e-150 counts as that) the formulas' limits are used:

    value = max(0, θ·(S·e^(−qT) − K·e^(−rT))), delta = θ·e^(−qT)·1{θ(F − K) > 0},
    rho = θ·K·T·e^(−rT)·1{…}, dividend_rho = −T·S·delta, theta = q·S·delta − r·K·e^(−rT)·θ·1{…},
    charm = q·delta, gamma = vega = vanna = volga = 0;

where then also F = K, the value is 0 and the Greeks do not exist (delta jumps): they are refused.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tradeops.domain.errors import InvalidPricingInput
from tradeops.domain.market import FloatArray
from tradeops.pricing.contract_columns import NumberColumn, lay_out_contract
from tradeops.pricing.kernels import GREEK_ROWS, value_one, value_rows
from tradeops.pricing.refusals import Refusal, RefusalArray, raise_first_refusal


class GreekNumbers(NamedTuple):
    """One option's numbers, in the units of `GreekColumns`."""

    value: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    dividend_rho: float
    vanna: float
    volga: float
    charm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GreekColumns:
    """Values and Greeks of one unit of the underlying, float64 of one shape.

    Args:
        value: Currency.
        delta: ∂value/∂spot, from 0 to e^(−qT) for a call and from −e^(−qT) to 0 for a put.
        gamma: ∂²value/∂spot², per currency, ≥ 0.
        vega: ∂value/∂volatility, currency per 1.00 of volatility (a point is a hundredth of it), ≥ 0.
        theta: ∂value/∂t = −∂value/∂years, currency per year of calendar time passing.
        rho: ∂value/∂rate, currency per 1.00 of the rate.
        dividend_rho: ∂value/∂dividend_yield, currency per 1.00 of the yield.
        vanna: ∂²value/(∂spot ∂volatility) = ∂delta/∂volatility, per 1.00 of volatility.
        volga: ∂²value/∂volatility², currency per 1.00 of volatility squared.
        charm: ∂delta/∂t = −∂delta/∂years, per year of calendar time passing.
    """

    value: FloatArray
    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    theta: FloatArray
    rho: FloatArray
    dividend_rho: FloatArray
    vanna: FloatArray
    volga: FloatArray
    charm: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EuropeanRows:
    """Numbers by row, with the verdict on each.

    Args:
        greeks: Meaningless (0) in a refused row; `KINK` refuses the Greeks, not the value.
        refusal: int8 of the same shape: `Refusal`.
    """

    greeks: GreekColumns
    refusal: RefusalArray


def evaluate_european(
    kind: NumberColumn,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
    volatility: NumberColumn,
) -> EuropeanRows:
    """Values and Greeks; a bad row is reported in its place and harms no other.

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
    return EuropeanRows(greeks=_shape_greeks(found, shape), refusal=refusal.reshape(shape))


def price_with_greeks(
    kind: NumberColumn,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
    volatility: NumberColumn,
) -> GreekColumns:
    """Values and Greeks of rows that are all good; arguments as of `evaluate_european`.

    Raises:
        InvalidPricingInput: A row's input is outside its range; the first such row is named.
        PricingModelError: A row has no Greeks: it expires at its kink, or the result overflows.
    """
    shape, columns = lay_out_contract(kind, spot, strike, years, rate, dividend_yield, volatility)
    found, refusal = _value(columns)
    raise_first_refusal(refusal, columns)
    return _shape_greeks(found, shape)


def price_european(
    kind: NumberColumn,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
    volatility: NumberColumn,
) -> FloatArray:
    """Values alone, which exist at the kink too; arguments as of `evaluate_european`.

    Raises:
        InvalidPricingInput: A row's input is outside its range; the first such row is named.
        PricingModelError: A result overflows.
    """
    shape, columns = lay_out_contract(kind, spot, strike, years, rate, dividend_yield, volatility)
    found, refusal = _value(columns)
    refusal[refusal == Refusal.KINK] = Refusal.NONE
    raise_first_refusal(refusal, columns)
    value: FloatArray = found[0].reshape(shape)
    return value


def price_one_with_greeks(
    kind: int,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> GreekNumbers:
    """One option without arrays, by the same kernel and to the same bits.

    Raises:
        InvalidPricingInput: An argument is outside its range.
        PricingModelError: The option has no Greeks.
    """
    given = (kind, spot, strike, years, rate, dividend_yield, volatility)
    try:
        found = value_one(*map(float, given))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidPricingInput(f"an argument is no real number: {error}") from error
    if found[0]:
        raise_first_refusal(np.array([found[0]], np.int8), lay_out_contract(*given)[1])
    return GreekNumbers._make(found[1:])


def _value(columns: dict[str, FloatArray]) -> tuple[FloatArray, RefusalArray]:
    rows = len(columns["spot"])
    found, refusal = np.empty((GREEK_ROWS, rows)), np.empty(rows, np.int8)
    kind, spot, strike, years, rate, dividend_yield, volatility = columns.values()
    value_rows(kind, spot, strike, years, rate, dividend_yield, volatility, found, refusal)
    return found, refusal


def _shape_greeks(found: FloatArray, shape: tuple[int, ...]) -> GreekColumns:
    return GreekColumns(**{name: found[row].reshape(shape) for row, name in enumerate(GreekNumbers._fields)})
