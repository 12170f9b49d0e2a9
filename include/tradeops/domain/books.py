"""A book: cash and raw shares. It changes only by settlement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import InstrumentId

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Shares of one name.

    Args:
        quantity: Raw whole shares; never zero.
        cost: Total USD paid for them, without fees; average cost is `cost / quantity`.
    """

    quantity: Decimal
    cost: Decimal

    def __post_init__(self) -> None:
        if self.quantity == 0:
            raise ExecutionError("a position of no shares is no position")


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Cash (USD, whole cents) and positions by instrument, kept in ascending order."""

    cash: Decimal
    positions: Mapping[InstrumentId, Position] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = {name: self.positions[name] for name in sorted(self.positions)}
        object.__setattr__(self, "positions", MappingProxyType(ordered))

    def quantity(self, instrument: InstrumentId) -> Decimal:
        """Shares held, zero when there are none."""
        position = self.positions.get(instrument)
        return position.quantity if position else ZERO

    def equity(self, marks: Mapping[InstrumentId, Decimal]) -> Decimal:
        """Cash plus positions at their marks, USD.

        Raises:
            ExecutionError: A held name has no mark.
        """
        missing = [name for name in self.positions if name not in marks]
        if missing:
            raise ExecutionError(f"no mark for {', '.join(missing)}", missing=missing)
        held = (position.quantity * marks[name] for name, position in self.positions.items())
        return self.cash + sum(held, ZERO)
