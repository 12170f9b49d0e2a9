"""Money of one book in one session: every component apart, and their sum held to the cent."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradeops.domain.books import ZERO, Book
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.orders import Fill
from tradeops.domain.policy import CostSchedule
from tradeops.domain.settlements import CorporateCash, ProfitAndLoss
from tradeops.execution.average_cost import apply_fills
from tradeops.execution.corporate_actions import AdjustedBook
from tradeops.execution.costs import borrow_cost, cash_interest

Prices = Mapping[InstrumentId, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSession:
    """One session of one book; it cannot be made unless its profit explains its equity.

    Args:
        opening: Book as of the previous close.
        opening_marks: Previous close of each name held then, USD.
        corporate: Effects of splits and dividends.
        fills: In the order executed.
        closing: Book at the close.
        closes: Close of each name held at either end or traded, USD.
        profit: Components of the change of equity.
        realised: Proceeds of closed shares less their average cost, USD.

    Raises:
        ExecutionError: Equity did not change by the sum of the components, or realised and
            unrealised profit do not sum to the profit on prices.
    """

    opening: Book
    opening_marks: Prices
    corporate: tuple[CorporateCash, ...]
    fills: tuple[Fill, ...]
    closing: Book
    closes: Prices
    profit: ProfitAndLoss
    realised: Decimal

    def __post_init__(self) -> None:
        change = self.equity - self.opening.equity(self.opening_marks)
        if change != self.profit.total:
            raise ExecutionError(
                f"equity changed by {change}, the components explain {self.profit.total}", change=change
            )
        unrealised = _unrealised(self.closing, self.closes) - _unrealised(self.opening, self.opening_marks)
        on_prices = self.profit.holding + self.profit.trading
        if self.realised + unrealised != on_prices:
            raise ExecutionError(
                f"realised {self.realised} + unrealised {unrealised} is not the profit on prices {on_prices}"
            )

    @property
    def equity(self) -> Decimal:
        """Closing book at its marks, USD."""
        return self.closing.equity(self.closes)

    @property
    def marks(self) -> dict[InstrumentId, Decimal]:
        """Close of each name held at the close, USD."""
        return {name: self.closes[name] for name in self.closing.positions}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOpening:
    """Where a session begins: the previous close and the calendar days since.

    Args:
        book: As of the previous close.
        marks: Previous close of each held name, USD.
        days: Calendar days since the previous close; 0 when the account opens.
    """

    book: Book
    marks: Prices
    days: int


def close_session(
    opening: BookOpening,
    adjusted: AdjustedBook,
    fills: tuple[Fill, ...],
    closes: Prices,
    costs: CostSchedule,
) -> BookSession:
    """Settle a session after its corporate actions: fills, borrow and interest, marks.

    `Δequity = Σ (q_after·C_t − q_prev·C_(t−1)) + fractions + Σ Δq·(C_t − price) + dividends − fees −
    borrow + interest`, where `q_after` counts whole shares after the split and `fractions` is the
    cash paid for what the split did not make whole.

    Args:
        opening: The previous close.
        adjusted: Its book after splits and dividends.
        fills: In the order executed.
        closes: Close of each name held or traded, USD.
        costs: Borrow and interest rates.
    """
    filled = apply_fills(adjusted.book, fills)
    shorts = (q.quantity * opening.marks[name] for name, q in opening.book.positions.items() if q.quantity < 0)
    profit = ProfitAndLoss(
        holding=_holding(opening, adjusted, closes),
        trading=sum((fill.signed_quantity * (closes[fill.instrument] - fill.price) for fill in fills), ZERO),
        dividends=sum((effect.dividend for effect in adjusted.corporate), ZERO),
        fees=sum((fill.fee for fill in fills), ZERO),
        borrow=borrow_cost(costs, -sum(shorts, ZERO), opening.days),
        interest=cash_interest(costs, opening.book.cash, opening.days),
    )
    cash = filled.book.cash + profit.interest - profit.borrow
    return BookSession(
        opening=opening.book,
        opening_marks=opening.marks,
        corporate=adjusted.corporate,
        fills=fills,
        closing=Book(cash=cash, positions=filled.book.positions),
        closes=closes,
        profit=profit,
        realised=adjusted.realised + filled.realised,
    )


def _holding(opening: BookOpening, adjusted: AdjustedBook, closes: Prices) -> Decimal:
    """Old positions from close to close: shares after the split now, shares before it then."""
    fractions = sum((effect.fraction for effect in adjusted.corporate), ZERO)
    return fractions + adjusted.book.equity(closes) - adjusted.book.cash - _value(opening.book, opening.marks)


def _value(book: Book, marks: Prices) -> Decimal:
    return book.equity(marks) - book.cash


def _unrealised(book: Book, marks: Prices) -> Decimal:
    return _value(book, marks) - sum((position.cost for position in book.positions.values()), ZERO)
