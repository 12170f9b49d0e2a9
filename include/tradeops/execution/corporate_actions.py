"""Splits and dividends on a book of the previous close. A split moves first, then the dividend pays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from tradeops.domain.books import ZERO, Book, Position
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.domain.settlements import CorporateCash
from tradeops.execution.rounding import round_against_us, round_half_up


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedBook:
    """A book after the corporate actions of a morning.

    Args:
        book: Cash and shares before the first fill.
        corporate: What each action did; actions on names that are not held do nothing.
        realised: Cash for fractions less their average cost, USD.
    """

    book: Book
    corporate: tuple[CorporateCash, ...]
    realised: Decimal


def apply_actions(
    book: Book,
    actions: Sequence[CorporateAction],
    opening_prices: Mapping[InstrumentId, Decimal],
) -> AdjustedBook:
    """Apply splits and dividends with the same ex-date to the holders of the previous close.

    Shares become `trunc(q·ratio)`; the rest is a fraction, paid at the open and rounded to the cent
    against us. A dividend is counted in whole shares after the split; a short position owes it.

    Args:
        book: As of the previous close.
        actions: Of this session, at most one a name.
        opening_prices: USD a share after the split, for names with a fraction to pay.

    Raises:
        ExecutionError: A fraction has no price.
    """
    cash, realised = book.cash, ZERO
    positions = dict(book.positions)
    corporate: list[CorporateCash] = []
    for action in sorted(actions, key=lambda action: action.instrument):
        held = positions.pop(action.instrument, None)
        if held is None:
            continue
        after, effect, gain = _apply_action(held, action, opening_prices)
        if after is not None:
            positions[action.instrument] = after
        cash += effect.dividend + effect.fraction
        realised += gain
        corporate.append(effect)
    return AdjustedBook(book=Book(cash=cash, positions=positions), corporate=tuple(corporate), realised=realised)


def split_quantity(quantity: Decimal, ratio: Decimal) -> Decimal:
    """Whole shares after a split, toward zero."""
    return (quantity * ratio).to_integral_value(rounding=ROUND_DOWN)


def _apply_action(
    held: Position, action: CorporateAction, prices: Mapping[InstrumentId, Decimal]
) -> tuple[Position | None, CorporateCash, Decimal]:
    exact = held.quantity * action.ratio
    whole = split_quantity(held.quantity, action.ratio)
    fraction = exact - whole
    paid = round_against_us(fraction * _price(action, prices)) if fraction else ZERO
    cost = round_half_up(held.cost * fraction / exact) if whole else held.cost
    after = Position(quantity=whole, cost=held.cost - cost) if whole else None
    effect = CorporateCash(
        instrument=action.instrument,
        ratio=action.ratio,
        dividend=round_against_us(whole * action.dividend),
        fraction=paid,
    )
    return after, effect, paid - cost


def _price(action: CorporateAction, prices: Mapping[InstrumentId, Decimal]) -> Decimal:
    try:
        return prices[action.instrument]
    except KeyError as error:
        raise ExecutionError(f"no price to pay a fraction of {action.instrument}") from error
