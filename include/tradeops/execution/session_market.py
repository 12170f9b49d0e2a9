"""Reads what the paper broker needs of a session, and joins it to the fills."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from tradeops.domain.books import ZERO, Book
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.orders import Order
from tradeops.domain.policy import TimePolicy, TradingPolicy
from tradeops.execution.paper_fills import SessionMarket, fill_orders
from tradeops.ports.broker import SessionExecutions
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar

VOLUME_SESSIONS = 20
ONE = Decimal(1)

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
    names = frozenset(source.instruments)

    def refuse(order: Order) -> str | None:
        if order.instrument not in names:
            return f"{order.instrument} is not traded here"
        if order.quantity % policy.universe.lot != 0:
            return f"{order.quantity} shares are no multiple of the lot {policy.universe.lot}"
        if not calendar.sessions(order.valid_on, order.valid_on):
            return f"{order.valid_on} is no session"
        if not source.first_session <= order.valid_on <= source.last_session:
            return f"the market has no session {order.valid_on}"
        return None

    return refuse


def read_session_market(
    source: MarketSource,
    calendar: TradingCalendar,
    time: TimePolicy,
    session: date,
    names: Sequence[InstrumentId],
) -> SessionMarket:
    """Bars, splits and average volumes of some names in a session, as known after its close."""
    known_at = bar_known_at(calendar, time, session)
    found = {name: source.bar(name, session, known_at=known_at) for name in names}
    ratios = {action.instrument: action.ratio for action in source.actions(session, known_at=known_at)}
    before = calendar.sessions(session - timedelta(days=2 * VOLUME_SESSIONS), session)[:-1][-VOLUME_SESSIONS:]
    before = tuple(day for day in before if day >= source.first_session)
    return SessionMarket(
        session=session,
        bars={name: bar for name, bar in found.items() if bar is not None},
        ratios=ratios,
        average_volumes={
            name: average_volume(source, name, before, known_at) * ratios.get(name, ONE) for name in names
        },
    )


def average_volume(source: MarketSource, name: InstrumentId, sessions: Sequence[date], known_at: datetime) -> Decimal:
    """Mean volume over the sessions in which the name traded, in shares of the last one; 0 if none."""
    total, traded = ZERO, 0
    for session in sessions:
        split = [a.ratio for a in source.actions(session, known_at=known_at) if a.instrument == name]
        total *= split[0] if split else ONE
        bar = source.bar(name, session, known_at=known_at)
        if bar is not None:
            total, traded = total + bar.volume, traded + 1
    return total / traded if traded else ZERO


def bar_known_at(calendar: TradingCalendar, time: TimePolicy, session: date) -> datetime:
    """When a session's bar is known: its close plus the vendor's delay, aware UTC."""
    return calendar.closes_at(session) + timedelta(minutes=time.vendor_delay_minutes)
