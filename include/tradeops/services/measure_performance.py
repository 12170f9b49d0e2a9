"""What a book earned after costs, beside doing nothing clever and doing nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from tradeops.domain.books import ZERO
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import BookId
from tradeops.domain.market import FloatArray
from tradeops.domain.orders import Fill
from tradeops.domain.policy import TradingPolicy
from tradeops.execution.session_market import bar_known_at
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.return_statistics import (
    YEAR_SESSIONS,
    annualise_return,
    annualise_volatility,
    largest_drawdown,
    session_returns,
    sharpe_ratio,
)
from tradeops.ports.ledger import BookKeeping
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.simulate_benchmark import Benchmark

SEED = "performance/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookHistory:
    """Equities and fills of one book, enough to measure it.

    Args:
        equities: At the close of each session, USD, the opening session first.
        fills: In the order executed.
        opens: Open of each fill's bar, USD; None where the name did not trade.
    """

    equities: Sequence[Decimal]
    fills: Sequence[Fill]
    opens: Sequence[Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Of one book, net of all costs; fractions unless said otherwise.

    Args:
        final_equity: USD.
        net_return: From the initial cash to the last close.
        annual_return: Geometric, a year, with its 95 % interval.
        volatility: A year.
        sharpe: A year, with its 95 % interval.
        max_drawdown: ≤ 0.
        fees: Commissions, USD.
        slippage: Fills against their opens, USD: half-spread, impact and rounding.
        costs_a_year: Fees and slippage over mean equity.
        turnover_a_year: Traded value, both ways, over mean equity.
        fills: How many.
    """

    final_equity: Decimal
    net_return: float
    annual_return: Estimate
    volatility: float
    sharpe: Estimate
    max_drawdown: float
    fees: Decimal
    slippage: Decimal
    costs_a_year: float
    turnover_a_year: float
    fills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """A book beside its benchmarks over the same sessions.

    Args:
        first: First session, the account's opening.
        last: Last session.
        sessions: How many.
        book: The book.
        benchmark: Equal-weight buy-and-hold of the names that existed at the start, bought in the
            session of the book's first fill.
        cash: Net return of cash alone.
        excess: Annual return of the book less that of the benchmark, paired by session.
        cost_basis: `assumed` or `observed`.
        interval: How the intervals were made.
    """

    first: date
    last: date
    sessions: int
    book: Performance
    benchmark: Performance
    cash: float
    excess: Estimate
    cost_basis: str
    interval: str


def measure_performance(
    *,
    ledger: BookKeeping,
    source: MarketSource,
    calendar: TradingCalendar,
    policy: TradingPolicy,
    book_id: BookId,
) -> PerformanceReport:
    """Measure a book from its settlements, beside benchmarks run through the same fills and settlement.

    Raises:
        UnknownRecord: The book was never settled.
        LearningError: It has fewer sessions than a block of the bootstrap.
    """
    settlements = list(ledger.list_settlements(book_id))
    if not settlements:
        remedy = "`tradeops cycle run` decides and settles its sessions"
        raise UnknownRecord(f"the book {book_id} has no settlement to measure; {remedy}", book=str(book_id))
    sessions = [settlement.session for settlement in settlements]
    fills = [fill for settlement in settlements for fill in settlement.fills]
    reader = _OpenReader(source, calendar, policy)
    book = reader.history([settlement.equity for settlement in settlements], fills)
    simulator = Benchmark(source=source, calendar=calendar, policy=policy)
    bought = fills[0].session if fills else (sessions[1] if sessions[1:] else None)
    held = list(simulator.simulate(sessions, bought))
    benchmark = reader.history([day.equity for day in held], [fill for day in held for fill in day.fills])
    cash = [day.equity for day in simulator.simulate(sessions, None)]
    bootstrap = BlockBootstrap(seed=SEED)
    return PerformanceReport(
        first=sessions[0],
        last=sessions[-1],
        sessions=len(sessions),
        book=describe_history(book, bootstrap),
        benchmark=describe_history(benchmark, bootstrap),
        cash=float(cash[-1] / cash[0] - 1),
        excess=compare_histories(book, benchmark, bootstrap),
        cost_basis=policy.costs.basis,
        interval=f"95 %, circular block bootstrap, {bootstrap.block} sessions a block, {bootstrap.draws} draws",
    )


def describe_history(history: BookHistory, bootstrap: BlockBootstrap) -> Performance:
    """Figures of one book."""
    equities = _to_floats(history.equities)
    returns = session_returns(equities)
    years = len(returns) / YEAR_SESSIONS
    fees = sum((fill.fee for fill in history.fills), ZERO)
    slippage = measure_slippage(history)
    traded = sum((abs(fill.signed_quantity) * fill.price for fill in history.fills), ZERO)
    return Performance(
        final_equity=history.equities[-1],
        net_return=float(history.equities[-1] / history.equities[0] - 1),
        annual_return=bootstrap.estimate(returns, annualise_return),
        volatility=float(annualise_volatility(returns)),
        sharpe=bootstrap.estimate(returns, sharpe_ratio),
        max_drawdown=largest_drawdown(equities),
        fees=fees,
        slippage=slippage,
        costs_a_year=float(fees + slippage) / float(equities.mean()) / years,
        turnover_a_year=float(traded) / float(equities.mean()) / years,
        fills=len(history.fills),
    )


def measure_slippage(history: BookHistory) -> Decimal:
    """Σ Δq·(price − open), USD: what fills cost beyond commissions, ≥ 0."""
    pairs = zip(history.fills, history.opens, strict=True)
    return sum((fill.signed_quantity * (fill.price - opening) for fill, opening in pairs if opening is not None), ZERO)


def compare_histories(book: BookHistory, other: BookHistory, bootstrap: BlockBootstrap) -> Estimate:
    """Annual return of one book less another's over the same sessions, with its 95 % interval."""
    both = np.stack([session_returns(_to_floats(each.equities)) for each in (book, other)], axis=-1)

    def difference(returns: FloatArray) -> FloatArray:
        return annualise_return(returns[..., 0]) - annualise_return(returns[..., 1])

    return bootstrap.estimate(both, difference)


@dataclass(frozen=True, slots=True)
class _OpenReader:
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy

    def history(self, equities: Sequence[Decimal], fills: Sequence[Fill]) -> BookHistory:
        return BookHistory(equities=equities, fills=fills, opens=[self._open(fill) for fill in fills])

    def _open(self, fill: Fill) -> Decimal | None:
        known_at = bar_known_at(self.calendar, self.policy.time, fill.session)
        bar = self.source.bar(fill.instrument, fill.session, known_at=known_at)
        return bar.open if bar else None


def _to_floats(equities: Sequence[Decimal]) -> FloatArray:
    return np.array([float(equity) for equity in equities], dtype=np.float64)
