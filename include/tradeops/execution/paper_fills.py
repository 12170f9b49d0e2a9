"""The two functions that a paper broker is given: which orders it takes, and what becomes of them."""

from collections.abc import Callable, Sequence
from datetime import date

from tradeops.domain.books import Book
from tradeops.domain.orders import Order
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.order_fills import fill_orders
from tradeops.execution.session_market import read_session_market
from tradeops.ports.broker import SessionExecutions
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar

Executor = Callable[[date, Book, Sequence[Order]], SessionExecutions]
Acceptor = Callable[[Order], str | None]


def make_executor(source: MarketSource, calendar: TradingCalendar, policy: TradingPolicy) -> Executor:
    """The function that executes a session's orders; equal arguments give equal executions.

    It stands at the time when the session's bar is known: fills are reported after the close.

    Args:
        source: Bars and splits.
        calendar: Sessions.
        policy: Costs, limits and lot.
    """

    def execute(session: date, account: Book, orders: Sequence[Order]) -> SessionExecutions:
        names = sorted({order.instrument for order in orders} | set(account.positions)) if orders else []
        market = read_session_market(source, calendar, policy.time, session, names)
        return fill_orders(orders, account, market, policy)

    return execute


def make_acceptor(source: MarketSource, calendar: TradingCalendar, policy: TradingPolicy) -> Acceptor:
    """The function that says why an order is rejected on arrival, or None when it is taken.

    Args:
        source: Which names and sessions exist.
        calendar: Sessions.
        policy: The lot.
    """

    def refuse(order: Order) -> str | None:
        if order.instrument not in source.instruments:  # asked anew: the market grows while the broker is open
            return f"{order.instrument} is not traded here"
        if order.quantity % policy.universe.lot != 0:
            return f"{order.quantity} shares are no multiple of the lot {policy.universe.lot}"
        if not calendar.sessions(order.valid_on, order.valid_on):
            return f"{order.valid_on} is no session"
        if not source.first_session <= order.valid_on <= source.last_session:
            return f"the market has no session {order.valid_on}"
        return None

    return refuse
