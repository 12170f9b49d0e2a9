"""Settle one session of one book, before anything is decided on it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from tradeops.domain.books import Book
from tradeops.domain.errors import OutOfOrderSession
from tradeops.domain.identifiers import BookId
from tradeops.domain.learners import LearnerState
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import OrderChange
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.execution.settlement import BookOpening
from tradeops.ports.broker import Broker, SessionExecutions
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.services.session_prices import SessionPrices
from tradeops.services.settle_money import SettledMoney, settle_money
from tradeops.services.settlement_case import SettlementCase
from tradeops.services.update_learners import update_learners

PEAK_SESSIONS = 252
LONGEST_CLOSURE = timedelta(days=14)


def settle_session(  # noqa: PLR0913 - each port by name
    *,
    ledger: Ledger,
    values: ValueStore,
    broker: Broker,
    source: MarketSource,
    calendar: TradingCalendar,
    policy: TradingPolicy,
    book_id: BookId,
    opens_on: date,
    session: date,
) -> Settlement:
    """Settle a session, or return its recorded settlement; harmless when repeated.

    In this order: splits and dividends on the book of the previous close; fills at the open; expiry
    at the close; borrow and interest; marks; matured outcomes. The book opens flat, with the policy's
    initial cash, in the first session from `opens_on` on.

    Args:
        ledger: Where settlements are recorded.
        values: Forecasts and learner samples.
        broker: Who executed the book's orders.
        source: Bars and corporate actions.
        calendar: Sessions.
        policy: Account, costs, blend.
        book_id: Whose book.
        opens_on: When the book opens: the account's first day, or when a model entered its stage.
        session: The session after the book's newest settlement.

    Raises:
        OutOfOrderSession: `session` is not the book's next one, or its orders are still unsent.
        ExecutionError: The profit does not explain the change of equity.
        NotKnownYet: The source does not hold the session yet.
    """
    # Read before the session's own settlement: another process may settle it, and the next, in between.
    previous = ledger.latest_settlement(book_id)
    recorded = ledger.find_settlement(book_id, session)
    if recorded is not None:
        return recorded
    case = SettlementCase(
        ledger=ledger,
        values=values,
        broker=broker,
        source=source,
        calendar=calendar,
        policy=policy,
        book_id=book_id,
        opens_on=opens_on,
        session=session,
    )
    return _settle(case, previous)


def _settle(case: SettlementCase, previous: Settlement | None) -> Settlement:
    _check_next(case, previous)
    _check_routed(case, previous)
    money = _settle_money(case, previous)
    missing = _expire_unanswered(case, previous, money.order_changes)
    money = replace(money, order_changes=money.order_changes + missing)
    states = update_learners(case, previous.learner_states if previous else {})
    settlement = _join(case, previous, money, states)
    case.ledger.record_settlement(settlement, states)
    return settlement


def _check_next(case: SettlementCase, previous: Settlement | None) -> None:
    if previous is not None:
        expected = case.calendar.next_session(previous.session)
    else:
        expected = case.calendar.sessions(case.opens_on, case.opens_on + LONGEST_CLOSURE)[0]
    if case.session != expected:
        raise OutOfOrderSession(
            f"the book {case.book_id} settles {expected} next, not {case.session}", session=case.session
        )


def _check_routed(case: SettlementCase, previous: Settlement | None) -> None:
    """An order still unsent when its session settles would be lost without a word."""
    closed = case.ledger.last_closed_session(case.book_id)
    if previous is None or (closed is not None and closed >= previous.session):
        return
    record = case.ledger.find_decision(case.book_id, previous.session)
    if record is not None and record.decision.orders:
        raise OutOfOrderSession(
            f"the cycle of {previous.session} decided orders and is not closed; run it to its end first",
            session=previous.session,
        )


def _settle_money(case: SettlementCase, previous: Settlement | None) -> SettledMoney:
    opening = _open_book(case, previous)
    prices = SessionPrices(case.source, case.session, case.known_at, opening.marks)

    def execute(account: Book) -> SessionExecutions:
        return case.broker.executions(case.book_id, case.session, account)

    return settle_money(case.book_id, opening, prices, execute, case.policy.costs)


def _open_book(case: SettlementCase, previous: Settlement | None) -> BookOpening:
    if previous is None:
        return BookOpening(book=Book(cash=case.policy.account.initial_cash), marks={}, days=0)
    days = (case.session - previous.session).days
    return BookOpening(book=previous.closing, marks=previous.marks, days=days)


def _expire_unanswered(
    case: SettlementCase, previous: Settlement | None, answered: Sequence[OrderChange]
) -> tuple[OrderChange, ...]:
    """Orders whose fate was unknown and of which the broker reports nothing in their only session."""
    record = case.ledger.find_decision(case.book_id, previous.session) if previous else None
    if record is None or not record.decision.orders:
        return ()
    reported = {change.client_order_id for change in answered}
    unknown = case.ledger.orders_in(record.decision.cycle_id, OrderState.UNKNOWN)
    return tuple(
        OrderChange(
            client_order_id=order.client_order_id,
            state=OrderState.EXPIRED,
            reason="the broker gave no answer and reports nothing of it",
        )
        for order in unknown
        if order.client_order_id not in reported
    )


def _join(
    case: SettlementCase,
    previous: Settlement | None,
    money: SettledMoney,
    states: tuple[LearnerState, ...],
) -> Settlement:
    result = money.result
    before = case.ledger.recent_equity(case.book_id, case.session, PEAK_SESSIONS - 1)
    in_force = dict(previous.learner_states) if previous else {}
    return Settlement(
        book_id=case.book_id,
        session=case.session,
        opening=result.opening,
        corporate=result.corporate,
        fills=result.fills,
        order_changes=money.order_changes,
        closing=result.closing,
        marks=result.marks,
        equity=result.equity,
        peak_equity=max([result.equity, *map(Decimal, before)]),
        profit=result.profit,
        realised=result.realised,
        learner_states=in_force | {state.learner: state.state_id for state in states},
    )
