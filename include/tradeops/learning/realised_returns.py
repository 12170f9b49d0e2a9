"""What an owner earned from one open to a later one, dividends and splits included."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradeops.domain.books import ZERO
from tradeops.domain.errors import LearningError
from tradeops.domain.market import CorporateAction


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingPeriod:
    """One share bought at an open and sold at a later one.

    Args:
        entry: Open at which it was bought, USD.
        exit: Open at which what it became was sold, USD.
        actions: With ex-dates after the entry session, up to the exit session, oldest first.
    """

    entry: Decimal
    exit: Decimal
    actions: Sequence[CorporateAction]


def total_return(period: HoldingPeriod) -> float:
    """Total return as a fraction: dividends are kept as cash, splits multiply the shares.

    Raises:
        LearningError: The entry price is not positive.
    """
    if period.entry <= 0:
        raise LearningError(f"a share cannot be bought at {period.entry}")
    shares, cash = Decimal(1), ZERO
    for action in period.actions:
        shares *= action.ratio
        cash += shares * action.dividend
    return float((shares * period.exit + cash) / period.entry - 1)
