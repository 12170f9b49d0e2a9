"""What a limit measures: its use by the book with some orders filled, in USD."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.policy import CostSchedule
from tradeops.execution.costs import commission, impact_fraction
from tradeops.risk.drawdown import GRID
from tradeops.risk.holdings import Holdings
from tradeops.risk.proposals import Proposal

ZERO = Decimal(0)


class Limit(Protocol):
    """A bound on what book and orders use together; use never falls as increasing orders grow."""

    @property
    def name(self) -> str:
        """As verdicts call it."""
        ...

    @property
    def allowed(self) -> Decimal:
        """The bound, USD."""
        ...

    def covers(self, order: Proposal) -> bool:
        """Whether an order can use any of it."""
        ...

    def use(self, orders: Iterable[Proposal]) -> Decimal:
        """Use by the book with these orders filled, USD."""
        ...

    def reserve(self, orders: Sequence[Proposal], room: Decimal) -> Decimal:
        """What filling these orders within the room uses up at most beside their value, USD."""
        ...


@dataclass(frozen=True, slots=True)
class SingleNameLimit:
    """Absolute exposure in one name."""

    holdings: Holdings
    instrument: InstrumentId
    allowed: Decimal
    name: str = "single_name"

    def covers(self, order: Proposal) -> bool:
        """Orders of this name."""
        return order.intent.instrument == self.instrument

    def use(self, orders: Iterable[Proposal]) -> Decimal:
        """|shares|·price with the orders of this name filled."""
        held = self.holdings.held(self.instrument)
        moved = sum((o.signed for o in orders if self.covers(o)), held)
        return abs(moved) * self.holdings.prices[self.instrument]

    def reserve(self, orders: Sequence[Proposal], room: Decimal) -> Decimal:
        """Nothing."""
        return ZERO


@dataclass(frozen=True, slots=True)
class GrossLimit:
    """Sum of absolute exposures, against what the drawdown guard allows."""

    holdings: Holdings
    allowed: Decimal
    name: str = "gross"

    def covers(self, order: Proposal) -> bool:
        """Every order."""
        return True

    def use(self, orders: Iterable[Proposal]) -> Decimal:
        """Σ |shares|·price, and the exposure that has no price."""
        shares = dict(self.holdings.shares)
        for order in orders:
            name = order.intent.instrument
            shares[name] = shares.get(name, ZERO) + order.signed
        prices = self.holdings.prices
        exposures = (abs(held) * prices[name] for name, held in shares.items() if name in prices)
        return sum(exposures, self.holdings.unpriced)

    def reserve(self, orders: Sequence[Proposal], room: Decimal) -> Decimal:
        """Nothing."""
        return ZERO


@dataclass(frozen=True, slots=True)
class CashLimit:
    """Equity that is not cash, after the expected costs of the orders."""

    holdings: Holdings
    costs: CostSchedule
    allowed: Decimal
    name: str = "cash_buffer"

    def covers(self, order: Proposal) -> bool:
        """Every order."""
        return True

    def use(self, orders: Iterable[Proposal]) -> Decimal:
        """Equity less the cash that is left when the orders fill at their reference prices."""
        cash = self.holdings.cash
        for order in orders:
            if order.quantity > 0:
                cash -= order.signed * order.price + expect_cost(order, order.quantity, self.costs)
        return self.holdings.equity - cash

    def reserve(self, orders: Sequence[Proposal], room: Decimal) -> Decimal:
        """Expected costs of the largest quantities that the room could let through."""
        largest = ((o, min(o.quantity, room // o.price)) for o in orders)
        return sum((expect_cost(o, q, self.costs) for o, q in largest if q > 0), ZERO)


def expect_cost(order: Proposal, quantity: Decimal, costs: CostSchedule) -> Decimal:
    """Commission, half-spread and impact of one order, USD, rounded up to a millionth.

    Never falls as the quantity grows, which is what lets a limit reserve for the largest one.
    """
    impact = impact_fraction(costs, quantity, order.average_volume) if order.average_volume > 0 else ZERO
    slippage = quantity * order.price * (costs.half_spread + impact)
    return commission(costs, quantity) + slippage.quantize(GRID, rounding=ROUND_CEILING)
