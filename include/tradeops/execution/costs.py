"""What a fill costs under a cost schedule. Everything is Decimal, so that it can be redone by hand."""

from decimal import Decimal

from tradeops.domain.errors import ExecutionError
from tradeops.domain.orders import Side
from tradeops.domain.policy import CostSchedule
from tradeops.execution.rounding import fill_price, round_against_us, round_half_up

ONE = Decimal(1)
YEAR_DAYS = 360


def commission(costs: CostSchedule, quantity: Decimal) -> Decimal:
    """Commission of one order in USD: per share, at least the minimum, half up to the cent.

    Args:
        costs: The schedule.
        quantity: Shares filled, > 0.
    """
    return round_half_up(max(costs.commission_minimum, costs.commission_per_share * quantity))


def impact_fraction(costs: CostSchedule, quantity: Decimal, average_volume: Decimal) -> Decimal:
    """Market impact as a fraction of the price: `impact·√(q / (impact_participation·volume))`.

    The square-root law (Almgren et al. 2005, "Direct estimation of equity market impact"), with an
    assumed coefficient.

    Args:
        costs: The schedule.
        quantity: Shares, ≥ 0.
        average_volume: Mean of the 20 sessions before, in shares of the day.

    Raises:
        ExecutionError: No volume.
    """
    if average_volume <= 0:
        raise ExecutionError(f"impact of {quantity} shares needs an average volume > 0")
    return costs.impact * (quantity / (costs.impact_participation * average_volume)).sqrt()


def price_fill(
    costs: CostSchedule, side: Side, opening: Decimal, quantity: Decimal, average_volume: Decimal
) -> Decimal:
    """Price of a fill at the open, USD: half the spread and the impact worse, to the cent against us.

    Args:
        costs: The schedule.
        side: Direction.
        opening: The bar's open, USD.
        quantity: Shares filled.
        average_volume: As in `impact_fraction`.
    """
    worse = costs.half_spread + impact_fraction(costs, quantity, average_volume)
    return fill_price(opening * (ONE + side.sign * worse), side)


def cash_interest(costs: CostSchedule, cash: Decimal, days: int) -> Decimal:
    """Interest on the cash of the previous close, act/360, to the cent against us, USD."""
    return round_against_us(cash * costs.cash_interest * days / YEAR_DAYS)


def borrow_cost(costs: CostSchedule, short_value: Decimal, days: int) -> Decimal:
    """Cost of borrowed shares, act/360 on their value at the previous close, USD, ≥ 0.

    Args:
        costs: The schedule.
        short_value: Absolute value of all short positions, USD.
        days: Calendar days since the previous close.
    """
    return -round_against_us(-short_value * costs.borrow * days / YEAR_DAYS)
