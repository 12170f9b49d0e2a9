"""What becomes of orders at one open, beyond what the golden book shows."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.unit.examples import policy_with
from tradeops.domain.books import Book, Position
from tradeops.domain.identifiers import ClientOrderId, CycleId, InstrumentId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.market import CorporateAction
from tradeops.domain.orders import Order, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.order_fills import fill_orders
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.execution.session_market import SessionMarket, average_volume, read_session_market
from tradeops.ports.broker import SessionExecutions
from tradeops.ports.market_source import MarketSource

DAYS = business_days(date(2001, 3, 1), 40)
TODAY = DAYS[30]
A, B = InstrumentId("A"), InstrumentId("B")


def make_order(name: str, side: Side, shares: int, identity: str = "o1", valid_on: date = TODAY) -> Order:
    return Order(
        client_order_id=ClientOrderId(identity),
        cycle_id=CycleId("c"),
        instrument=InstrumentId(name),
        side=side,
        quantity=Decimal(shares),
        reference_price=Decimal(10),
        decided_on=DAYS[0],
        valid_on=valid_on,
    )


def market_of(volume: int = 1_000_000, ratio: str = "1", names: str = "AB") -> SessionMarket:
    return SessionMarket(
        session=TODAY,
        bars={InstrumentId(name): make_bar(name, TODAY, "10", "10", volume) for name in names},
        ratios={A: Decimal(ratio)},
        average_volumes={A: Decimal(1_000_000), B: Decimal(1_000_000)},
    )


def book_of(cash: str = "100000", **shares: int) -> Book:
    held = {InstrumentId(n): Position(quantity=Decimal(q), cost=Decimal(q * 10)) for n, q in shares.items()}
    return Book(cash=Decimal(cash), positions=held)


def fill(
    *orders: Order, book: Book | None = None, market: SessionMarket | None = None, policy: TradingPolicy | None = None
) -> SessionExecutions:
    return fill_orders(orders, book or book_of(), market or market_of(), policy or policy_with())


def test_a_name_without_a_bar_or_without_volume_does_not_fill() -> None:
    unquoted = fill(make_order("A", Side.BUY, 100), market=market_of(names="B"))
    assert unquoted.fills == () and "did not trade" in unquoted.changes[0].reason
    silent = fill(make_order("A", Side.BUY, 100), market=replace(market_of(), average_volumes={}))
    assert silent.fills == () and "no volume" in silent.changes[0].reason


def test_all_orders_of_a_name_share_the_participation_limit() -> None:
    orders = [make_order("A", Side.BUY, 80, "o1"), make_order("A", Side.BUY, 80, "o2")]
    done = fill(*orders, market=market_of(volume=10_000))
    assert [fill.signed_quantity for fill in done.fills] == [80, 20]
    assert [change.state for change in done.changes] == [OrderState.FILLED, OrderState.EXPIRED]


def test_two_sells_together_never_exceed_the_shares_held() -> None:
    orders = [make_order("A", Side.SELL, 80, "o1"), make_order("A", Side.SELL, 80, "o2")]
    done = fill(*orders, book=book_of(A=100))
    assert [fill.signed_quantity for fill in done.fills] == [-80, -20]


def test_sells_go_before_buys_and_ties_by_id_whatever_the_order_given() -> None:
    orders = [
        make_order("A", Side.BUY, 1, "o1"),
        make_order("B", Side.SELL, 1, "o9"),
        make_order("B", Side.BUY, 1, "o0"),
    ]
    for given_order in (orders, orders[::-1]):
        done = fill(*given_order, book=book_of(B=5))
        assert [change.client_order_id for change in done.changes] == ["o9", "o0", "o1"]


def test_an_order_of_which_a_reverse_split_leaves_no_share_expires() -> None:
    done = fill(make_order("A", Side.BUY, 5), market=market_of(ratio="0.1"))
    assert done.fills == () and "dropped a fraction" in done.changes[0].reason


def test_a_held_name_without_a_bar_counts_at_cost_for_the_buffer() -> None:
    """Buffer 2 % of 1,021 + 49,000 = 1,000.42; one share costs 11.01 and leaves it, two cost 21.02."""
    book = book_of("1021.00", B=4900)
    done = fill(make_order("A", Side.BUY, 50), book=book, market=market_of(names="A"))
    assert [fill.signed_quantity for fill in done.fills] == [1]
    assert "cash buffer 1000.42" in done.changes[0].reason


@given(
    cash=st.integers(0, 200_000),
    wanted=st.integers(1, 30_000),
    held=st.integers(0, 5_000),
    volume=st.integers(0, 3_000_000),
    side=st.sampled_from(Side),
)
def test_limits_hold_for_any_order(cash: int, wanted: int, held: int, volume: int, side: Side) -> None:
    policy = policy_with()
    book = book_of(str(cash), **({"A": held} if held else {}))
    market = market_of(volume=volume)
    done = fill(make_order("A", side, wanted), book=book, market=market)
    filled = sum((abs(fill.signed_quantity) for fill in done.fills), Decimal(0))
    assert filled <= min(Decimal(wanted), policy.limits.participation * volume)
    assert filled <= held or side is Side.BUY
    if side is Side.BUY and done.fills:
        buffer = policy.limits.cash_buffer * book.equity({A: Decimal(10)})
        assert book.cash + done.fills[0].cash >= buffer
    assert done.changes[0].state is (OrderState.FILLED if filled == wanted else OrderState.EXPIRED)


@given(cash=st.integers(1_000, 50_000), wanted=st.integers(1, 6_000))
def test_a_buy_is_filled_down_to_the_largest_size_that_leaves_the_buffer(cash: int, wanted: int) -> None:
    """The search finds what trying every size finds."""
    book = book_of(str(cash))

    def fits(shares: int) -> bool:
        done = fill(make_order("A", Side.BUY, shares), book=book, market=market_of())
        return bool(done.fills) and done.fills[0].signed_quantity == shares

    done = fill(make_order("A", Side.BUY, wanted), book=book, market=market_of())
    found = int(sum((fill.signed_quantity for fill in done.fills), Decimal(0)))
    assert found == 0 or fits(found)
    assert found == wanted or not fits(found + 1)


def history() -> FakeMarketSource:
    bars = [make_bar("A", day, "10", "10", 100 * (row + 1)) for row, day in enumerate(DAYS[:35]) if row != 20]
    bars += [make_bar("B", day, "10", "10") for day in DAYS[:35]]
    actions = [CorporateAction(instrument=A, session=DAYS[row], ratio=Decimal(2)) for row in (25, 30)]
    return FakeMarketSource(FakeTradingCalendar(DAYS), bars, actions)


def test_average_volume_counts_sessions_with_a_bar_in_shares_of_the_day() -> None:
    """Rows 10…29 without 20; rows before 25 are doubled by the split of row 25, all by that of row 30."""
    source, calendar = history(), FakeTradingCalendar(DAYS)
    market = read_session_market(source, calendar, policy_with().time, TODAY, [A])
    old = sum(100 * (row + 1) for row in range(10, 25) if row != 20)
    new = sum(100 * (row + 1) for row in range(25, 30))
    assert market.average_volumes[A] == Decimal(2 * (2 * old + new)) / 19
    assert market.ratios == {A: 2}
    assert average_volume(source, A, (), calendar.closes_at(DAYS[34])) == 0


def test_the_first_session_has_no_volume_before_it() -> None:
    execute = make_executor(history(), FakeTradingCalendar(DAYS), policy_with())
    done = execute(DAYS[0], book_of(), [make_order("A", Side.BUY, 1)])
    assert done.fills == () and "no volume" in done.changes[0].reason
    assert execute(TODAY, book_of(), []) == SessionExecutions(fills=(), changes=())


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (make_order("A", Side.BUY, 100), None),
        (make_order("ZETA", Side.BUY, 100), "not traded"),
        (make_order("A", Side.BUY, 150), "multiple of the lot 100"),
        (make_order("A", Side.BUY, 100, valid_on=date(2001, 3, 3)), "no session"),
        (make_order("A", Side.BUY, 100, valid_on=DAYS[36]), "no session"),
    ],
)
def test_an_order_that_nobody_could_fill_is_rejected_on_arrival(order: Order, reason: str | None) -> None:
    refuse = make_acceptor(history(), FakeTradingCalendar(DAYS), policy_with(universe={"lot": 100}))
    answer = refuse(order)
    assert answer is None if reason is None else answer is not None and reason in answer


def test_a_name_whose_first_bar_arrives_later_is_taken_from_then_on() -> None:
    market = SimpleNamespace(instruments=(), first_session=DAYS[0], last_session=DAYS[34])
    refuse = make_acceptor(cast(MarketSource, market), FakeTradingCalendar(DAYS), policy_with())
    assert "not traded" in (refuse(make_order("A", Side.BUY, 100)) or "")
    market.instruments = (A,)
    assert refuse(make_order("A", Side.BUY, 100)) is None
