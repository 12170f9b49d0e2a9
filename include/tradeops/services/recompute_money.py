"""Recomputes a book from its fills and the market's corporate actions, and compares to the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.domain.settlements import Settlement
from tradeops.ports.market_source import MarketSource

ZERO = Decimal(0)


@dataclass(slots=True)
class _Purse:
    """Cash and shares, moved by nothing but corporate actions, fills, interest and borrow."""

    cash: Decimal
    shares: dict[InstrumentId, Decimal] = field(default_factory=dict)


def recompute_money(settlements: Iterable[Settlement], source: MarketSource, *, known_at: datetime) -> int:
    """Check every settlement of a book, oldest first.

    Args:
        settlements: From the account's opening on.
        source: Splits, dividends and closes.
        known_at: When the reader stands, after the last session.

    Returns:
        How many settlements were recomputed to the cent.

    Raises:
        ExecutionError: A settlement differs; names session, recorded and recomputed.
    """
    purse: _Purse | None = None
    count = 0
    for settlement in settlements:
        purse = purse or _Purse(settlement.opening.cash)
        for action in source.actions(settlement.session, known_at=known_at):
            _apply_action(purse, action)
        _apply_movements(purse, settlement)
        _compare(purse, settlement)
        count += 1
    return count


def _apply_action(purse: _Purse, action: CorporateAction) -> None:
    held = purse.shares.get(action.instrument, ZERO)
    whole = (held * action.ratio).to_integral_value(rounding=ROUND_DOWN)
    if held * action.ratio != whole:
        raise ExecutionError(f"{action.instrument} {action.session}: fractions of shares are not recomputed")
    purse.cash += whole * action.dividend
    purse.shares[action.instrument] = whole


def _apply_movements(purse: _Purse, settlement: Settlement) -> None:
    for fill in settlement.fills:
        purse.cash += fill.cash
        purse.shares[fill.instrument] = purse.shares.get(fill.instrument, ZERO) + fill.signed_quantity
    purse.cash += settlement.profit.interest - settlement.profit.borrow


def _compare(purse: _Purse, settlement: Settlement) -> None:
    held = {name: shares for name, shares in sorted(purse.shares.items()) if shares}
    recorded = {name: position.quantity for name, position in settlement.closing.positions.items()}
    equity = purse.cash + sum((shares * settlement.marks[name] for name, shares in held.items()), ZERO)
    found, expected = (purse.cash, held, equity), (settlement.closing.cash, recorded, settlement.equity)
    if found != expected:
        raise ExecutionError(
            f"settlement of {settlement.session} says {expected}, its fills say {found}",
            session=settlement.session,
        )
