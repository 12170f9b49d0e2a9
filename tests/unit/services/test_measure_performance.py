"""A book's figures and its benchmark against numbers computed by hand."""

from datetime import date
from decimal import Decimal

import pytest

from tests.fakes.book_runner import BookRunner, Wish
from tests.fakes.broker import InMemoryBroker
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.market_source import FakeMarketSource, make_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import policy_with
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId, InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.domain.orders import Side
from tradeops.execution.paper_fills import make_acceptor, make_executor
from tradeops.services.export_fills import export_fills
from tradeops.services.measure_performance import PerformanceReport, measure_performance
from tradeops.services.simulate_benchmark import Benchmark

DAYS = business_days(date(2001, 3, 1), 45)
SESSIONS = DAYS[:40]
NEW, OLD, ODD = (InstrumentId(name) for name in ("NEW", "OLD", "ODD"))


def open_runner() -> BookRunner:
    """OLD rises from 10 to 12 on row 20 and pays 0.25 on row 10; ODD stays at 5; NEW is listed on row 5."""
    calendar = FakeTradingCalendar(DAYS)
    bars = []
    for row, day in enumerate(SESSIONS):
        old = "12" if row >= 20 else "10"
        bars += [make_bar("OLD", day, old, old), make_bar("ODD", day, "5", "5")]
        bars += [make_bar("NEW", day, "50", "50")] if row >= 5 else []
    paid = CorporateAction(instrument=OLD, session=DAYS[10], dividend=Decimal("0.25"))
    source = FakeMarketSource(calendar, bars, [paid])
    policy = policy_with(universe={"names": (NEW, ODD, OLD)})
    broker = InMemoryBroker(make_executor(source, calendar, policy), make_acceptor(source, calendar, policy))
    return BookRunner(InMemoryLedger(), InMemoryValueStore(), broker, source, calendar, policy)


def run_and_measure(wishes: dict[int, list[Wish]]) -> tuple[BookRunner, PerformanceReport]:
    runner = open_runner()
    for row, session in enumerate(SESSIONS):
        runner.settle(session)
        runner.decide(session, wishes.get(row, []))
    report = measure_performance(
        ledger=runner.ledger,
        source=runner.source,
        calendar=runner.calendar,
        policy=runner.policy,
        book_id=runner.book_id,
    )
    return runner, report


BUY_TWICE = {
    2: [Wish("1", Side.BUY, "OLD", 2500)],
    29: [Wish("1", Side.SELL, "OLD", 2500)],
}


def test_a_book_is_measured_after_all_costs() -> None:
    """2,500 OLD: 5 bp impact and 2.5 bp spread make 10.0075 → 10.01 and 12·0.99925 = 11.991 → 11.99.

    Fees 12.50 each. Dividend 625. Cash 100,000 − 25,025 − 12.50 + 625 + 29,975 − 12.50 = 105,550.
    Slippage 2,500·(0.01 + 0.01) = 50. Traded 25,025 + 29,975 = 55,000.
    """
    _, report = run_and_measure(BUY_TWICE)
    book = report.book
    assert (book.final_equity, book.fees, book.slippage, book.fills) == (105_550, 25, 50, 2)
    assert book.net_return == pytest.approx(0.0555)
    assert book.annual_return.value == pytest.approx(1.0555 ** (252 / 39) - 1)
    equities = [100_000] * 3 + [99_962.5] * 7 + [100_587.5] * 10 + [105_587.5] * 10 + [105_550] * 10
    years = 39 / 252
    assert book.costs_a_year == pytest.approx(75 / (sum(equities) / 40) / years)
    assert book.turnover_a_year == pytest.approx(55_000 / (sum(equities) / 40) / years)
    assert book.max_drawdown == pytest.approx(99_962.5 / 100_000 - 1)
    assert book.annual_return.low <= book.annual_return.value <= book.annual_return.high
    assert (report.first, report.last, report.sessions) == (SESSIONS[0], SESSIONS[-1], 40)
    assert (report.cash, report.cost_basis) == (0.0, "assumed")


def test_the_benchmark_holds_what_existed_at_the_start_from_the_same_first_fill() -> None:
    """ODD and OLD, not NEW; each gets 100,000·(1 − 0.02 − 0.03)/2 = 47,500: 9,500 ODD and 4,750 OLD.

    √(9,500/10,000) = 0.974679: 5·(1 + 0.00025 + 0.000974679) = 5.006123 → 5.01, fee 47.50.
    √(4,750/10,000) = 0.689202: 10·1.000939202 = 10.00939 → 10.01, fee 23.75. Dividend 4,750·0.25 = 1,187.50.
    Cash 100,000 − 47,595 − 47.50 − 47,547.50 − 23.75 + 1,187.50 = 5,973.75; held 47,500 + 57,000.
    """
    runner, report = run_and_measure(BUY_TWICE)
    assert (report.benchmark.final_equity, report.benchmark.fills) == (Decimal("110473.75"), 2)
    assert report.benchmark.fees == Decimal("71.25")
    simulator = Benchmark(source=runner.source, calendar=runner.calendar, policy=runner.policy)
    held = list(simulator.simulate(SESSIONS, DAYS[3]))
    assert [len(day.fills) for day in held[:5]] == [0, 0, 0, 2, 0]
    assert {fill.instrument for fill in held[3].fills} == {ODD, OLD}
    assert report.excess.value == pytest.approx(report.book.annual_return.value - report.benchmark.annual_return.value)


def test_a_book_that_never_traded_earned_nothing_and_is_certain_of_it() -> None:
    _, report = run_and_measure({})
    book = report.book
    assert (book.net_return, book.volatility, book.max_drawdown, book.fills) == (0.0, 0.0, 0.0, 0)
    assert (book.annual_return.low, book.annual_return.high, book.sharpe.value) == (0.0, 0.0, 0.0)
    assert report.benchmark.fills == 2


def test_cash_alone_earns_the_interest_of_the_schedule() -> None:
    runner = open_runner()
    policy = policy_with(costs={"cash_interest": Decimal("0.036")})
    simulator = Benchmark(source=runner.source, calendar=runner.calendar, policy=policy)
    settled = list(simulator.simulate(SESSIONS[:3], None))
    assert [day.equity for day in settled] == [Decimal(100_000), Decimal(100_010), Decimal("100040.00")]


def test_a_book_without_settlements_is_unknown() -> None:
    runner = open_runner()
    with pytest.raises(UnknownRecord):
        export_fills(runner.ledger, BookId(run="nobody"))
    with pytest.raises(UnknownRecord):
        measure_performance(
            ledger=runner.ledger,
            source=runner.source,
            calendar=runner.calendar,
            policy=runner.policy,
            book_id=BookId(run="nobody"),
        )


def test_the_export_says_what_moved_the_book_and_what_it_was_worth() -> None:
    runner, _ = run_and_measure(BUY_TWICE)
    files = export_fills(runner.ledger, runner.book_id)
    assert files["fills.csv"].splitlines() == [
        "kind,session,instrument,quantity,price,fee,amount",
        "opening,2001-03-01,,,,,100000",
        "fill,2001-03-06,OLD,2500,10.01,12.5,",
        "fill,2001-04-12,OLD,-2500,11.99,12.5,",
    ]
    told = files["sessions.csv"].splitlines()
    assert told[:2] == ["session,cash,equity,positions", "2001-03-01,100000,100000,"]
    assert told[4] == "2001-03-06,74962.5,99962.5,OLD=2500"
    assert len(told) == 41
