"""Average-cost bookkeeping in whole cents: realised + unrealised is the total, exactly."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tradeops.domain.books import ZERO, Book, Position
from tradeops.domain.orders import Fill
from tradeops.execution.rounding import round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledBook:
    """A book after fills, and the profit realised by those that closed shares, USD before fees."""

    book: Book
    realised: Decimal


def apply_fills(book: Book, fills: Iterable[Fill]) -> FilledBook:
    """Move shares, cash and cost by fills, in their order.

    A fill that closes q of Q shares takes `round(cost·q/Q)` of the cost with it, in whole cents;
    what it fetched less that is realised. A fill that turns a position round closes it first.

    Args:
        book: Before the first fill.
        fills: In the order executed.
    """
    cash, realised = book.cash, ZERO
    positions = dict(book.positions)
    for fill in fills:
        position, gain = _apply_fill(positions.pop(fill.instrument, None), fill)
        if position is not None:
            positions[fill.instrument] = position
        cash += fill.cash
        realised += gain
    return FilledBook(book=Book(cash=cash, positions=positions), realised=realised)


def _apply_fill(held: Position | None, fill: Fill) -> tuple[Position | None, Decimal]:
    quantity, cost = (held.quantity, held.cost) if held else (ZERO, ZERO)
    closed = _closed_shares(quantity, fill.signed_quantity)
    released = round_half_up(cost * closed / quantity) if closed else ZERO
    opened = fill.signed_quantity + closed
    after = quantity + fill.signed_quantity
    remaining = cost - released + opened * fill.price
    return (Position(quantity=after, cost=remaining) if after else None), closed * fill.price - released


def _closed_shares(quantity: Decimal, change: Decimal) -> Decimal:
    """Shares of the old position, with its sign, that a change closes."""
    if quantity * change >= 0:
        return ZERO
    return quantity if abs(change) >= abs(quantity) else -change
