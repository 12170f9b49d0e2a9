"""What holding the same names in equal weights would have brought, with the same fills and costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from functools import partial

from tradeops.domain.books import Book
from tradeops.domain.identifiers import BookId, CycleId, InstrumentId, derive_client_order_id
from tradeops.domain.orders import Order, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.paper_fills import Executor, make_executor
from tradeops.execution.session_market import bar_known_at
from tradeops.execution.settlement import BookOpening, BookSession
from tradeops.ports.broker import SessionExecutions
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.session_prices import SessionPrices
from tradeops.services.settle_money import settle_money

BENCHMARK_BOOK = BookId(account="benchmark", run="equal_weight")
BENCHMARK_CYCLE = CycleId("benchmark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Equal-weight buy-and-hold.

    Args:
        source: Bars and corporate actions.
        calendar: Sessions.
        policy: Account, costs and limits.
    """

    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy

    def simulate(self, sessions: Sequence[date], first_fill: date | None) -> Iterator[BookSession]:
        """One settled session each: flat until the names are bought at the open of `first_fill`.

        The names are those of the policy that trade in the first session. Each gets an equal share
        of the cash that the buffer and the reserve for the gap leave, in whole lots of the close
        before. Dividends stay in cash.

        Args:
            sessions: From the account's opening on, without a hole.
            first_fill: One of `sessions` after the first; None for cash alone.
        """
        executor = make_executor(self.source, self.calendar, self.policy)
        opening = BookOpening(book=Book(cash=self.policy.account.initial_cash), marks={}, days=0)
        orders: tuple[Order, ...] = ()
        for row, session in enumerate(sessions):
            due = orders if session == first_fill else ()
            prices = SessionPrices(self.source, session, self._known_at(session), opening.marks)
            execute = partial(_execute, executor, session, due)
            money = settle_money(BENCHMARK_BOOK, opening, prices, execute, self.policy.costs)
            yield money.result
            after = sessions[row + 1] if row + 1 < len(sessions) else session
            opening = BookOpening(book=money.result.closing, marks=money.result.marks, days=(after - session).days)
            if after == first_fill:
                orders = tuple(self._buy(sessions[0], session, after, opening.book.cash))

    def _buy(self, first: date, decided_on: date, valid_on: date, cash: Decimal) -> Iterator[Order]:
        known = [name for name in self.policy.universe.names if name in self.source.instruments]
        names = [name for name in known if self._close(name, first) is not None]
        spare = 1 - self.policy.limits.cash_buffer - Decimal(repr(self.policy.sizing.gap_reserve))
        for name in names:
            close = self._close(name, decided_on)
            shares = self._whole_lots(cash * spare / len(names) / close) if close else Decimal(0)
            if close is not None and shares > 0:
                yield Order(
                    client_order_id=derive_client_order_id(BENCHMARK_CYCLE, name),
                    cycle_id=BENCHMARK_CYCLE,
                    instrument=name,
                    side=Side.BUY,
                    quantity=shares,
                    reference_price=close,
                    decided_on=decided_on,
                    valid_on=valid_on,
                )

    def _close(self, name: InstrumentId, session: date) -> Decimal | None:
        bar = self.source.bar(name, session, known_at=self._known_at(session))
        return bar.close if bar else None

    def _known_at(self, session: date) -> datetime:
        return bar_known_at(self.calendar, self.policy.time, session)

    def _whole_lots(self, shares: Decimal) -> Decimal:
        lot = Decimal(self.policy.universe.lot)
        return (shares / lot).to_integral_value(rounding=ROUND_DOWN) * lot


def _execute(executor: Executor, session: date, orders: Sequence[Order], account: Book) -> SessionExecutions:
    return executor(session, account, orders)
