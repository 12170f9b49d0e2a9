"""A chosen name with its forecast, what trading it costs, and what is left."""

from dataclasses import dataclass
from decimal import Decimal

from tradeops.domain.errors import CoordinationError
from tradeops.domain.identifiers import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """One comparable candidate for capital.

    Args:
        instrument: The name.
        reference_price: Last close, USD a share.
        mean: Expected return over the horizon, as a fraction.
        sigma: Its standard deviation over the horizon.
        quantiles: Forecast quantiles at 5, 25, 50, 75, 95 %.
        probability_up: Of a positive raw return.
        cost: Expected cost of entering and leaving at the largest permitted size, as a fraction.
        net_edge: `mean` less `cost`.
        largest_quantity: Shares that the participation limit lets through on an average day.
    """

    instrument: InstrumentId
    reference_price: Decimal
    mean: float
    sigma: float
    quantiles: tuple[float, ...]
    probability_up: float
    cost: float
    net_edge: float
    largest_quantity: int

    def __post_init__(self) -> None:
        if self.reference_price <= 0 or self.sigma <= 0 or self.cost < 0:
            raise CoordinationError(
                f"opportunity {self.instrument} needs price and sigma > 0 and cost ≥ 0",
                instrument=self.instrument,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The size that the book should have in a name.

    Args:
        instrument: The name.
        weight: Wanted share of equity before rounding.
        quantity: Wanted whole shares.
        reason: Why: `sized`, `kept`, `expired`, `below_threshold`, `delisted` …
    """

    instrument: InstrumentId
    weight: float
    quantity: Decimal
    reason: str
