"""One session's change of one book, complete enough to be recomputed by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tradeops.domain.books import Book
from tradeops.domain.identifiers import BookId, InstrumentId, LearnerStateId
from tradeops.domain.orders import Fill, OrderChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateCash:
    """What one corporate action did to the book.

    Args:
        instrument: The name.
        ratio: New shares for one old.
        dividend: Cash paid for dividends, USD.
        fraction: Cash paid for a fraction of a share, USD.
    """

    instrument: InstrumentId
    ratio: Decimal
    dividend: Decimal
    fraction: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitAndLoss:
    """Components of the change of equity in one session, USD; their sum is exact.

    Args:
        holding: Old positions from close to close, splits included.
        trading: Fills from their price to the close.
        dividends: Received (a short owes them), with cash for fractions counted in `holding`.
        fees: Commissions and fees, ≥ 0.
        borrow: Paid for borrowed shares, ≥ 0.
        interest: On cash.
    """

    holding: Decimal
    trading: Decimal
    dividends: Decimal
    fees: Decimal
    borrow: Decimal
    interest: Decimal

    @property
    def total(self) -> Decimal:
        """The change of equity."""
        gained = self.holding + self.trading + self.dividends + self.interest
        return gained - self.fees - self.borrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Everything that happened to a book in one session.

    The order is fixed: corporate actions, fills at the open, expiry, borrow and interest, marks.

    Args:
        book_id: Whose book.
        session: Which session.
        opening: Book as of the previous close.
        corporate: Effects of splits and dividends.
        fills: Fills at the open, sells before buys, ties by order id.
        order_changes: New states of the orders that were open.
        closing: Book at the close.
        marks: Close of each held name, USD, as the source wrote it.
        equity: Closing book at its marks.
        peak_equity: Highest equity of the last 252 sessions, this one included.
        profit: Components of the change of equity.
        realised: Realised profit of the session's sales (proceeds less average cost), USD.
        learner_states: Ids of the learner states in force after it, by learner.
    """

    book_id: BookId
    session: date
    opening: Book
    corporate: tuple[CorporateCash, ...]
    fills: tuple[Fill, ...]
    order_changes: tuple[OrderChange, ...]
    closing: Book
    marks: Mapping[InstrumentId, Decimal]
    equity: Decimal
    peak_equity: Decimal
    profit: ProfitAndLoss
    realised: Decimal
    learner_states: Mapping[str, LearnerStateId]
