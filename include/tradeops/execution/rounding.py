"""Where floats become money: the only place besides parsing where a Decimal begins."""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from tradeops.domain.errors import PricingError
from tradeops.domain.orders import Side

CENT = Decimal("0.01")


def to_price(x: float, tick: Decimal, side: Side) -> Decimal:
    """A limit price on the tick grid, away from aggression: buys down, sells up.

    Args:
        x: Price in USD; read by its `repr`, so 0.1 means a tenth.
        tick: Grid in USD, > 0.
        side: Direction of the order.

    Raises:
        PricingError: NaN, infinity, or a tick that is not positive.
    """
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    return _to_multiple(x, tick, rounding)


def to_quantity(x: float, lot: Decimal) -> Decimal:
    """Shares on the lot grid, toward zero.

    Args:
        x: Signed shares.
        lot: Shares a lot, > 0.

    Raises:
        PricingError: NaN, infinity, or a lot that is not positive.
    """
    return _to_multiple(x, lot, ROUND_DOWN)


def round_against_us(amount: Decimal) -> Decimal:
    """Cash that we receive (positive) or pay (negative), in whole cents, never in our favour."""
    return amount.quantize(CENT, rounding=ROUND_FLOOR)


def round_half_up(amount: Decimal) -> Decimal:
    """Whole cents, halves away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def fill_price(exact: Decimal, side: Side) -> Decimal:
    """Price of a fill to the cent against us: buys up, sells down."""
    return exact.quantize(CENT, rounding=ROUND_CEILING if side is Side.BUY else ROUND_FLOOR)


def _to_multiple(x: float, step: Decimal, rounding: str) -> Decimal:
    if not math.isfinite(x) or step <= 0:
        raise PricingError(f"{x} cannot be rounded to a multiple of {step}", value=x, step=step)
    steps = (Decimal(repr(float(x))) / step).to_integral_value(rounding=rounding)
    return steps * step
