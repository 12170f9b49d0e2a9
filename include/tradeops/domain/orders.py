"""Orders and what became of them. Quantities are whole shares, prices USD a share."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tradeops.domain.canonical import WRITTEN_WHEN_GIVEN
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import ClientOrderId, CycleId, InstrumentId, PackageId
from tradeops.domain.lifecycle import OrderState


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """What the sizer proposes to the gate, before any limit was applied; `package` as in `Order`."""

    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    reference_price: Decimal
    package: PackageId | None = field(default=None, metadata=WRITTEN_WHEN_GIVEN)

    def __post_init__(self) -> None:
        _check_order(self.instrument, self.quantity, self.reference_price)

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy, negative for a sell."""
        return self.side.sign * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A market-on-open order of one cycle for the session after it; it dies at that session's close.

    Args:
        client_order_id: Our identity of it, derived from cycle, instrument and leg.
        cycle_id: The cycle that decided it.
        instrument: The name.
        side: Buy or sell.
        quantity: Whole shares, > 0.
        reference_price: Close it was sized on, USD.
        decided_on: Session of the decision.
        valid_on: The one session in which it may fill.
        package: Orders of a cycle with the same one are its legs: all are sent or none stays open.
    """

    client_order_id: ClientOrderId
    cycle_id: CycleId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    reference_price: Decimal
    decided_on: date
    valid_on: date
    package: PackageId | None = field(default=None, metadata=WRITTEN_WHEN_GIVEN)

    def __post_init__(self) -> None:
        _check_order(self.instrument, self.quantity, self.reference_price)
        if self.valid_on <= self.decided_on:
            raise ExecutionError(f"order {self.client_order_id} would fill before it was decided")

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy, negative for a sell."""
        return self.side.sign * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """A new state of an order and why."""

    client_order_id: ClientOrderId
    state: OrderState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Shares that changed hands.

    Args:
        client_order_id: The order.
        instrument: The name.
        session: When.
        signed_quantity: Positive bought, negative sold; whole shares.
        price: USD a share, rounded to the cent against us.
        fee: Commission and fees in USD, whole cents, ≥ 0.
    """

    client_order_id: ClientOrderId
    instrument: InstrumentId
    session: date
    signed_quantity: Decimal
    price: Decimal
    fee: Decimal

    def __post_init__(self) -> None:
        if self.signed_quantity == 0 or self.price <= 0 or self.fee < 0:
            raise ExecutionError(f"fill of {self.client_order_id} needs shares, price > 0, fee ≥ 0")

    @property
    def cash(self) -> Decimal:
        """What it does to cash, USD."""
        return -self.signed_quantity * self.price - self.fee


def _check_order(instrument: InstrumentId, quantity: Decimal, price: Decimal) -> None:
    if quantity <= 0 or quantity != quantity.to_integral_value() or price <= 0:
        raise ExecutionError(
            f"order for {quantity} {instrument} at {price} needs whole shares and a price > 0",
            instrument=instrument,
        )
