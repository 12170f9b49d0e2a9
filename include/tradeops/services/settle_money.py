"""The money of one session, for a recorded book and for a benchmark alike."""

from collections.abc import Callable
from dataclasses import dataclass

from tradeops.domain.books import Book
from tradeops.domain.identifiers import BookId
from tradeops.domain.orders import OrderChange
from tradeops.domain.policy import CostSchedule
from tradeops.execution.average_cost import apply_fills
from tradeops.execution.corporate_actions import apply_actions
from tradeops.execution.ended_names import close_ended_names
from tradeops.execution.settlement import BookOpening, BookSession, close_session
from tradeops.ports.broker import SessionExecutions
from tradeops.services.session_prices import SessionPrices


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledMoney:
    """A session's money and what became of its orders."""

    result: BookSession
    order_changes: tuple[OrderChange, ...]


def settle_money(
    book_id: BookId,
    opening: BookOpening,
    prices: SessionPrices,
    execute: Callable[[Book], SessionExecutions],
    costs: CostSchedule,
) -> SettledMoney:
    """Splits and dividends, fills at the open, names whose data ended, borrow and interest, marks.

    Args:
        book_id: Whose book.
        opening: The previous close.
        prices: Of the session.
        execute: From the book after corporate actions to the session's executions.
        costs: Commission of forced sales, borrow and interest.
    """
    adjusted = apply_actions(opening.book, prices.actions, prices.opens(opening.book.positions))
    executed = execute(adjusted.book)
    traded = [fill.instrument for fill in executed.fills]
    closes = prices.closes([*opening.book.positions, *traded])
    held = apply_fills(adjusted.book, executed.fills).book.positions
    ended = {name: held[name].quantity for name in prices.ended(held)}
    forced = close_ended_names(book_id, prices.session, ended, closes, costs)
    result = close_session(opening, adjusted, executed.fills + forced, closes, costs)
    return SettledMoney(result=result, order_changes=executed.changes)
