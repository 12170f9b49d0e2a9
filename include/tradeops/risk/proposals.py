"""An order on its way through the gate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradeops.domain.errors import RiskError
from tradeops.domain.orders import OrderIntent
from tradeops.domain.verdicts import LimitUse
from tradeops.risk.holdings import Holdings

ZERO = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Proposal:
    """Working state of one order inside one call of the gate; never leaves it.

    Args:
        intent: What was proposed.
        sign: +1 for a buy, -1 for a sell.
        price: Reference price, USD a share.
        average_volume: Shares a day.
        quantity: Shares still let through; only ever shrinks.
        reducing: Against the reconciled position.
        bound_by: What took shares from it, in the order applied; `after` is filled in at the end.
    """

    intent: OrderIntent
    sign: int
    price: Decimal
    average_volume: Decimal = ZERO
    quantity: Decimal
    reducing: bool
    bound_by: list[LimitUse] = field(default_factory=list)

    @property
    def signed(self) -> Decimal:
        """Shares still let through, negative for a sell."""
        return self.sign * self.quantity

    def shrink(self, quantity: Decimal, use: LimitUse) -> None:
        """Let fewer shares through, and note why."""
        self.quantity = quantity
        self.bound_by.append(use)


def open_proposals(intents: Iterable[OrderIntent], holdings: Holdings) -> list[Proposal]:
    """Proposals in ascending order of their ids, whatever the order of arrival.

    Raises:
        RiskError: Two orders share an id.
    """
    ordered = sorted(intents, key=lambda intent: intent.client_order_id)
    if len({intent.client_order_id for intent in ordered}) != len(ordered):
        raise RiskError("two orders of one set share an id; each order has its own")
    return [
        Proposal(
            intent=intent,
            sign=intent.side.sign,
            price=intent.reference_price,
            quantity=intent.quantity,
            reducing=opposes_position(holdings.held(intent.instrument), intent.side.sign),
        )
        for intent in ordered
    ]


def opposes_position(held: Decimal, sign: int) -> bool:
    """Whether an order of this sign makes the reconciled position smaller."""
    return held * sign < 0


def alive(proposals: Sequence[Proposal], *, reducing: bool) -> list[Proposal]:
    """Those with shares left that reduce, or that do not."""
    return [p for p in proposals if p.quantity > 0 and p.reducing is reducing]
