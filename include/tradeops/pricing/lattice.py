"""European and American values and Greeks on a binomial lattice, with cash dividends and a continuous yield."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tradeops.domain.errors import InvalidPricingInput
from tradeops.domain.market import FloatArray
from tradeops.domain.options import ExerciseStyle
from tradeops.pricing.contract_columns import CONTRACT, NumberColumn, lay_out_contract
from tradeops.pricing.dividends import CashDividend, lay_out_dividends
from tradeops.pricing.lattice_kernels import LATTICE_ROWS, VOLATILITY_BUMP, value_lattice_rows
from tradeops.pricing.refusals import RefusalArray, raise_first_refusal

STEPS = 501
ROUNDING = 1e-12  # of spot and strike: a difference of values below it is nothing
_FEWEST, _MOST = 3, 20_001
_GAMMA, _VEGA = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LatticeColumns:
    """Values and Greeks of one unit of the underlying, float64 of one shape.

    Args:
        value: Currency.
        delta: ∂value/∂spot, from the three nodes at now.
        gamma: ∂²value/∂spot², per currency, from the same nodes.
        theta: ∂value/∂t, currency per year of calendar time passing, by the Black–Scholes equation; 0 where an
            American option is best exercised at once.
        vega: ∂value/∂volatility, currency per 1.00 of volatility, by central difference of 1 % of it.
        rho: ∂value/∂rate, currency per 1.00 of the rate, by central difference of 0.001.
        dividend_rho: ∂value/∂dividend_yield, currency per 1.00 of the yield, by central difference of 0.001.
    """

    value: FloatArray
    delta: FloatArray
    gamma: FloatArray
    theta: FloatArray
    vega: FloatArray
    rho: FloatArray
    dividend_rho: FloatArray


def evaluate_on_lattice(style: ExerciseStyle, columns: Mapping[str, FloatArray]) -> tuple[LatticeColumns, RefusalArray]:
    """Values and Greeks of STEPS steps, and the refusal of each row; a refused row's numbers are 0 and mean nothing.

    Args:
        style: Of all rows.
        columns: By the names of `price_on_lattice`'s arguments.

    Raises:
        InvalidPricingInput: The columns are no numbers or do not broadcast.
    """
    shape, laid_out = lay_out_contract(*(columns[name] for name in CONTRACT))
    found, refusal = _value(laid_out, style, STEPS, ())
    return _shape(found, shape), refusal.reshape(shape)


def price_on_lattice(
    kind: NumberColumn,
    style: ExerciseStyle,
    spot: NumberColumn,
    strike: NumberColumn,
    years: NumberColumn,
    rate: NumberColumn,
    dividend_yield: NumberColumn,
    volatility: NumberColumn,
    *,
    steps: int = STEPS,
    dividends: Iterable[CashDividend] = (),
) -> LatticeColumns:
    """Values and Greeks of contracts on one underlying.

    Args:
        kind: +1 call, −1 put.
        style: Of all rows.
        spot: Currency, as strike, including the dividends.
        strike: Currency.
        years: To expiry.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate; beside the cash dividends.
        volatility: Fraction per square root of a year, of the spot less the dividends (`dividends`).
        steps: Odd, from 3 to 20,001; time grows with its square.
        dividends: Cash dividends of the underlying of all rows.

    Raises:
        InvalidPricingInput: An argument is outside its range; the first such row is named.
        PricingModelError: The lattice has no number for a row.
    """
    shape, columns = lay_out_contract(kind, spot, strike, years, rate, dividend_yield, volatility)
    found, refusal = _value(columns, style, steps, dividends)
    raise_first_refusal(refusal, columns)
    return _shape(found, shape)


def _value(
    columns: dict[str, FloatArray], style: ExerciseStyle, steps: int, dividends: Iterable[CashDividend]
) -> tuple[FloatArray, RefusalArray]:
    if not (isinstance(steps, int) and _FEWEST <= steps <= _MOST and steps % 2):
        raise InvalidPricingInput(f"steps is an odd number from {_FEWEST} to {_MOST:,}, not {steps!r}", steps=steps)
    rows = np.stack(tuple(columns.values()), axis=1)
    found, refusal = np.empty((len(rows), LATTICE_ROWS)), np.empty(len(rows), np.int8)
    paid = lay_out_dividends(dividends)
    value_lattice_rows(rows, ExerciseStyle(style) is ExerciseStyle.AMERICAN, steps, paid, found, refusal)
    _drop_rounding(found, columns, steps)
    return found, refusal


def _drop_rounding(found: FloatArray, columns: dict[str, FloatArray], steps: int) -> None:
    """A gamma or vega that is no more than rounding is 0, so that it has no sign an option's cannot have."""
    noise = ROUNDING * (columns["spot"] + columns["strike"])
    with np.errstate(all="ignore"):  # refused rows hold anything
        node = columns["spot"] * columns["volatility"] * np.sqrt(columns["years"] / steps)
        for at, room in ((_GAMMA, noise / node**2), (_VEGA, noise / (VOLATILITY_BUMP * columns["volatility"]))):
            found[np.abs(found[:, at]) <= room, at] = 0.0


def _shape(found: FloatArray, shape: tuple[int, ...]) -> LatticeColumns:
    names = ("value", "delta", "gamma", "theta", "vega", "rho", "dividend_rho")
    return LatticeColumns(**{name: found[:, at].reshape(shape) for at, name in enumerate(names)})
