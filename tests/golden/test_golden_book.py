"""Ten sessions of a book with two stocks, computed by hand; the product must agree to the cent.

The account opens with 100,000 USD. Costs: 0.005 USD a share, at least 1; half-spread 2.5 bp; impact
10 bp·√(q / 1 % of the mean volume so far, at most 20 sessions); interest 3.6 % a year act/360 on the
cash of the previous close, which is 0.0001 a calendar day, rounded down. Participation 1 % of the
bar's volume, cash buffer 2 %. Volumes: ACME 1,000,000 (40,000 on 03-06), BETA 1,000,000 before
its split and 1,500,000 from then on, so BETA's mean is 1,500,000 in new shares.

03-01  Opens. Decided: A buy 900 ACME, B buy 100 BETA, C buy 50 ZETA, which is not traded: rejected.
03-02  √(900/10,000) = 0.3: 3 bp. 40.00·1.00055 = 40.022 → up 40.03. Fee 4.50.
       √(100/10,000) = 0.1: 1 bp. 50.00·1.00035 = 50.0175 → up 50.02. Fee 0.50 → minimum 1.00.
       Interest 100,000·0.0001 = 10.00. Cash 100,000 − 36,027 − 4.50 − 5,002 − 1 + 10 = 58,975.50.
       Closes 41, 49.505: equity 58,975.50 + 36,900 + 4,950.50 = 100,826.00.
       Trading 900·0.97 + 100·(−0.515) = 873 − 51.50 = 821.50.
03-05  BETA pays 0.50 to the 100 shares of the previous close: 50.00; the 400 bought today get nothing.
       √(400/10,000) = 0.2: 2 bp. 49·1.00045 = 49.02205 → 49.03. Fee 2.00. Three days' interest:
       58,975.50·0.0003 = 17.69265 → 17.69. Cash 58,975.50 + 50 − 19,612 − 2 + 17.69 = 39,429.19.
       Closes 41.25, 49.2: equity 39,429.19 + 37,125 + 24,600 = 101,154.19.
       Holding 900·0.25 + 100·(−0.305) = 194.50. Trading 400·0.17 = 68.
03-06  Sell 900 ACME, but 1 % of 40,000 is 400: partial fill, 500 expire. 2 bp:
       42·0.99955 = 41.9811 → down 41.98. Fee 2.00. Cost released 36,027·400/900 = 16,012.00:
       realised 16,792 − 16,012 = 780.00. Interest 3.942919 → 3.94.
       Cash 39,429.19 + 16,792 − 2 + 3.94 = 56,223.13. Closes 42.5, 48: equity + 21,250 + 24,000 =
       101,473.13. Holding 1,125 − 600 = 525. Trading −400·(42.5 − 41.98) = −208.
03-07  Buy 1,600 BETA would overdraw. Equity at the opens 56,223.13 + 500·42.60 + 500·48.05 =
       101,548.13; buffer 2,030.9626 → up 2,030.97. 1,127 shares: √0.1127 = 0.335708, 3.35708 bp,
       48.05·1.000585708 = 48.07814 → 48.08; fee 5.635 → 5.64; 54,186.16 + 5.64 leaves 2,031.33 ≥ buffer.
       1,128 shares cost 48.08 each as well and leave 1,983.25. Interest 5.622313 → 5.62.
       Cash 2,036.95. Closes 43, 48.5: equity 2,036.95 + 21,500 + 78,909.50 = 102,446.45.
       Holding 250 + 250 = 500. Trading 1,127·0.42 = 473.34. Cost of BETA 5,002 + 19,612 + 54,186.16 =
       78,800.16.
03-08  BETA splits 3:2. 1,627 → 2,440.5: 2,440 shares and half a share paid at the open, 0.5·32 =
       16.00, whose cost is 78,800.16·0.5/2,440.5 = 16.1443 → 16.14: realised −0.14, cost 78,784.02.
       The order to sell 101 becomes 151.5 → 151. Mean volume 1,500,000: √(151/15,000) = 0.100333,
       1.00333 bp: 32·(1 − 0.000350333) = 31.98879 → 31.98. Fee 0.755 → 1.00. Cost released
       78,784.02·151/2,440 = 4,875.5735 → 4,875.57: realised 4,828.98 − 4,875.57 = −46.59; with the
       fraction −46.73. Interest 0.203695 → 0.20. Cash 2,036.95 + 16 + 4,828.98 − 1 + 0.20 = 6,881.13.
       Closes 43, 32.25: equity 6,881.13 + 21,500 + 2,289·32.25 = 102,201.38.
       Holding 2,440·32.25 + 16 − 1,627·48.5 = −203.50. Trading −151·0.27 = −40.77.
03-09  Decided: B sell 500 ACME, A buy 600 BETA. The sell goes first, without it the buy would overdraw.
       ACME's mean volume is (5·1,000,000 + 40,000)/6 = 840,000: √(500/8,400) = 0.243975, 2.43975 bp:
       43.20·(1 − 0.000493975) = 43.17866 → 43.17. Fee 2.50. Realised 21,585 − 20,015 = 1,570.00.
       √(600/15,000) = 0.2: 32.10·1.00045 = 32.114445 → 32.12. Fee 3.00. Interest 0.688113 → 0.68.
       Cash 6,881.13 + 21,585 − 2.50 − 19,272 − 3 + 0.68 = 9,189.31. Closes 43.1, 32.05: equity
       9,189.31 + 2,889·32.05 = 101,781.76. Holding 50 − 457.80 = −407.80. Trading 35 − 42 = −7.
03-12  Sell 100 ACME: none held, expires. Interest 9,189.31·0.0003 = 2.756793 → 2.75. Close 31.8:
       equity 9,192.06 + 91,870.20 = 101,062.26. Holding 2,889·(−0.25) = −722.25.
03-13  BETA pays 0.25 to 2,889 shares: 722.25, also to the 600 sold today. 31.50·0.99955 = 31.485825 →
       31.48. Fee 3.00. Cost before 73,908.45 + 19,272 = 93,180.45; released ·600/2,889 = 19,352.119 →
       19,352.12: realised 18,888 − 19,352.12 = −464.12. Interest 0.919206 → 0.91.
       Cash 9,192.06 + 722.25 + 18,888 − 3 + 0.91 = 28,800.22. Close 31.4: equity + 71,874.60 =
       100,674.82. Holding 2,889·(−0.4) = −1,155.60. Trading −600·(31.4 − 31.48) = 48.
03-14  Interest 2.880022 → 2.88. Close 31.7: equity 28,803.10 + 72,561.30 = 101,364.40. Holding 686.70.

In all: realised 780 − 46.73 + 1,570 − 464.12 = 1,839.15; unrealised 72,561.30 − 73,828.33 = −1,267.03;
dividends 772.25; fees 24.64; interest 44.67. 1,839.15 − 1,267.03 + 772.25 − 24.64 + 44.67 = 1,364.40.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pytest

from tests.fakes.book_runner import BookRunner, Wish
from tests.fakes.broker import InMemoryBroker
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import policy_with
from tradeops.domain.books import Book
from tradeops.domain.errors import ExecutionError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.domain.orders import Side
from tradeops.domain.settlements import Settlement
from tradeops.execution import costs, order_fills, rounding, settlement
from tradeops.execution.corporate_actions import AdjustedBook, apply_actions
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.services import settle_money

SESSIONS = business_days(date(2001, 3, 1), 10)
DAYS = business_days(date(2001, 3, 1), 12)
ACME = "39 40 41 42 42.60 43 43.20 43.1 43.2 43.3", "40 41 41.25 42.5 43 43 43.1 43.2 43.3 43.4"
BETA = "51 50 49 49 48.05 32 32.10 32 31.50 31.5", "50 49.505 49.2 48 48.5 32.25 32.05 31.8 31.4 31.7"
ACTIONS = (
    CorporateAction(instrument=InstrumentId("BETA"), session=SESSIONS[2], dividend=Decimal("0.50")),
    CorporateAction(instrument=InstrumentId("BETA"), session=SESSIONS[5], ratio=Decimal("1.5")),
    CorporateAction(instrument=InstrumentId("BETA"), session=SESSIONS[8], dividend=Decimal("0.25")),
)
WISHES = {
    0: [Wish("A", Side.BUY, "ACME", 900), Wish("B", Side.BUY, "BETA", 100), Wish("C", Side.BUY, "ZETA", 50)],
    1: [Wish("A", Side.BUY, "BETA", 400)],
    2: [Wish("A", Side.SELL, "ACME", 900)],
    3: [Wish("A", Side.BUY, "BETA", 1600)],
    4: [Wish("A", Side.SELL, "BETA", 101)],
    5: [Wish("A", Side.BUY, "BETA", 600), Wish("B", Side.SELL, "ACME", 500)],
    6: [Wish("A", Side.SELL, "ACME", 100)],
    7: [Wish("A", Side.SELL, "BETA", 600)],
}
# cash, ACME, BETA, equity, holding, trading, dividends, fees, interest, realised
EXPECTED = """
100000.00    0    0 100000.00      0       0       0     0     0        0
 58975.50  900  100 100826.00      0     821.50    0     5.50 10.00     0
 39429.19  900  500 101154.19    194.50   68      50     2.00 17.69     0
 56223.13  500  500 101473.13    525    -208       0     2.00  3.94   780.00
  2036.95  500 1627 102446.45    500     473.34    0     5.64  5.62     0
  6881.13  500 2289 102201.38   -203.50  -40.77    0     1.00  0.20   -46.73
  9189.31    0 2889 101781.76   -407.80   -7       0     5.50  0.68  1570.00
  9192.06    0 2889 101062.26   -722.25    0       0     0     2.75     0
 28800.22    0 2289 100674.82  -1155.60   48     722.25  3.00  0.91  -464.12
 28803.10    0 2289 101364.40    686.70    0       0     0     2.88     0
"""
FILLS = [
    ("2001-03-02", "ACME", "900", "40.03", "4.50"),
    ("2001-03-02", "BETA", "100", "50.02", "1.00"),
    ("2001-03-05", "BETA", "400", "49.03", "2.00"),
    ("2001-03-06", "ACME", "-400", "41.98", "2.00"),
    ("2001-03-07", "BETA", "1127", "48.08", "5.64"),
    ("2001-03-08", "BETA", "-151", "31.98", "1.00"),
    ("2001-03-09", "ACME", "-500", "43.17", "2.50"),
    ("2001-03-09", "BETA", "600", "32.12", "3.00"),
    ("2001-03-13", "BETA", "-600", "31.48", "3.00"),
]


def open_runner() -> BookRunner:
    calendar = FakeTradingCalendar(DAYS)
    bars = []
    for name, (opens, closes) in {"ACME": ACME, "BETA": BETA}.items():
        for row, prices in enumerate(zip(opens.split(), closes.split(), strict=True)):
            thin, split = (name, row) == ("ACME", 3), name == "BETA" and row >= 5
            bars.append(make_bar(name, SESSIONS[row], *prices, 40_000 if thin else 1_500_000 if split else 1_000_000))
    source = FakeMarketSource(calendar, bars, ACTIONS)
    policy = policy_with(costs={"cash_interest": Decimal("0.036")})
    broker = InMemoryBroker(make_executor(source, calendar, policy), make_acceptor(source, calendar, policy))
    return BookRunner(InMemoryLedger(), InMemoryValueStore(), broker, source, calendar, policy)


def run_book(runner: BookRunner) -> list[Settlement]:
    settled = []
    for row, session in enumerate(SESSIONS):
        settled.append(runner.settle(session))
        if row in WISHES:
            runner.decide(session, WISHES[row])
    return settled


def summarise(settled: Settlement) -> list[Decimal]:
    shares = [settled.closing.quantity(InstrumentId(name)) for name in ("ACME", "BETA")]
    gained = settled.profit
    parts = [gained.holding, gained.trading, gained.dividends, gained.fees, gained.interest]
    return [settled.closing.cash, *shares, settled.equity, *parts, settled.realised]


def expected_rows() -> list[list[Decimal]]:
    return [[Decimal(text) for text in line.split()] for line in EXPECTED.strip().splitlines()]


def test_every_session_is_as_computed_by_hand() -> None:
    settled = run_book(open_runner())
    assert [summarise(each) for each in settled] == expected_rows()
    assert all(each.peak_equity == max(past.equity for past in settled[: row + 1]) for row, each in enumerate(settled))


def test_every_fill_is_as_computed_by_hand() -> None:
    fills = [fill for settled in run_book(open_runner()) for fill in settled.fills]
    told = [(f.session.isoformat(), f.instrument, *map(str, (f.signed_quantity, f.price, f.fee))) for f in fills]
    assert told == FILLS


def test_every_order_ends_with_its_reason() -> None:
    runner = open_runner()
    run_book(runner)
    ends = {order: changes[-1] for order, changes in runner.ledger.order_states(runner.book_id).items()}
    told = {order: f"{change.state}: {change.reason}" for order, change in ends.items()}
    assert told == {
        "20010301-A": "filled: filled whole",
        "20010301-B": "filled: filled whole",
        "20010301-C": "rejected: ZETA is not traded here",
        "20010302-A": "filled: filled whole",
        "20010305-A": "expired: filled 400 of 900, rest expired at the close: participation 0.01 of volume 40000",
        "20010306-A": "expired: filled 1127 of 1600, rest expired at the close: cash buffer 2030.97",
        "20010307-A": "filled: filled whole; the 1.5:1 split dropped a fraction of a share",
        "20010308-A": "filled: filled whole",
        "20010308-B": "filled: filled whole",
        "20010309-A": "expired: filled 0 of 100, rest expired at the close: no more shares held",
        "20010312-A": "filled: filled whole",
    }


def test_the_whole_is_the_sum_of_its_parts() -> None:
    settled = run_book(open_runner())
    unrealised = Decimal("72561.30") - settled[-1].closing.positions[InstrumentId("BETA")].cost
    assert unrealised == Decimal("-1267.03")
    assert sum(each.realised for each in settled) == Decimal("1839.15")
    assert sum(each.profit.fees for each in settled) == Decimal("24.64")
    assert settled[-1].equity - 100_000 == sum(each.profit.total for each in settled) == Decimal("1364.40")


def test_settling_again_changes_nothing() -> None:
    runner = open_runner()
    first = run_book(runner)
    rows = dict(runner.ledger.count_rows()), runner.ledger.chain_heads()
    assert [runner.settle(session) for session in SESSIONS] == first
    assert (dict(runner.ledger.count_rows()), runner.ledger.chain_heads()) == rows


def pay_holders_of_today(book: Book, actions: Any, prices: Any) -> AdjustedBook:
    """Dividends for one share more than was held at the previous close."""
    adjusted = apply_actions(book, actions, prices)
    extra = sum((action.dividend for action in actions), Decimal(0))
    return replace(adjusted, book=replace(adjusted.book, cash=adjusted.book.cash + extra))


def forget_splits(book: Book, actions: Any, prices: Any) -> AdjustedBook:
    return apply_actions(book, [replace(action, ratio=Decimal(1)) for action in actions], prices)


def round_for_us(exact: Decimal, side: Side) -> Decimal:
    return exact.quantize(rounding.CENT, rounding=ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)


def forget_order_splits(quantity: Decimal, ratio: Decimal) -> Decimal:
    return quantity


def cut_off(amount: Decimal) -> Decimal:
    return amount.quantize(rounding.CENT, rounding=ROUND_FLOOR)


MUTANTS: dict[str, tuple[object, str, Callable[..., object]]] = {
    "dividends on other shares than those of the previous close": (
        settle_money,
        "apply_actions",
        pay_holders_of_today,
    ),
    "a split missed on the book": (settle_money, "apply_actions", forget_splits),
    "a split missed on open orders": (order_fills, "split_quantity", forget_order_splits),
    "fill prices rounded for us": (costs, "fill_price", round_for_us),
    "commission received instead of paid": (order_fills, "commission", lambda schedule, q: Decimal(0)),
    "commission cut off at the cent": (costs, "round_half_up", cut_off),
    "no impact": (costs, "impact_fraction", lambda schedule, q, volume: Decimal(0)),
    "interest with the wrong sign": (settlement, "cash_interest", lambda schedule, cash, days: -cash / 10_000),
    "buys before sells": (
        order_fills,
        "sorted",
        lambda orders, key: sorted(orders, key=lambda order: order.client_order_id),
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_is_found(monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    module, name, replacement = MUTANTS[mutant]
    monkeypatch.setattr(module, name, replacement, raising=False)
    try:
        found = [summarise(each) for each in run_book(open_runner())]
    except ExecutionError as error:  # the settlement's own check of the identity found it
        assert "explain" in error.message
    else:
        assert found != expected_rows()
