"""Reads a book once and measures everything that its report shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tradeops.domain.books import ZERO
from tradeops.domain.decisions import Decision
from tradeops.domain.errors import LearningError, UnknownRecord
from tradeops.domain.identifiers import BookId
from tradeops.domain.models import read_standing
from tradeops.domain.settlements import Settlement
from tradeops.execution.session_market import bar_known_at
from tradeops.execution.settlement import BookSession
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.forecast_statistics import Reliability, measure_reliability, pinball_loss, sum_losses
from tradeops.learning.opinion_statistics import divide_sums
from tradeops.learning.return_statistics import largest_drawdown
from tradeops.services.attribute_profit import attribute_profit
from tradeops.services.count_funnel import count_funnel
from tradeops.services.measure_agents import AgentMeasures, measure_agents
from tradeops.services.measure_costs import measure_costs
from tradeops.services.measure_performance import (
    SEED,
    BookHistory,
    compare_histories,
    describe_history,
)
from tradeops.services.measure_positions import PositionMeasures, measure_positions, read_weights
from tradeops.services.read_panel import OpinionPanel, OutcomeWindow, read_panel
from tradeops.services.report.assumptions import list_assumptions
from tradeops.services.report.compare_staged import compare_staged
from tradeops.services.report.figures import Curves, Demand, ReportFigures
from tradeops.services.report.sources import RememberedValues, ReportSources
from tradeops.services.simulate_benchmark import Benchmark
from tradeops.services.simulate_equal_weight import EqualWeightBlend


@dataclass(frozen=True, slots=True, kw_only=True)
class BookReading:
    """All settlements and decisions of one book, oldest first."""

    book_id: BookId
    settlements: Sequence[Settlement]
    decisions: Sequence[Decision]


def read_book(sources: ReportSources, book_id: BookId) -> BookReading:
    """Read a book.

    Raises:
        UnknownRecord: It was never settled.
    """
    settlements = list(sources.ledger.list_settlements(book_id))
    if not settlements:
        remedy = "`tradeops cycle run` decides and settles its sessions"
        raise UnknownRecord(f"the book {book_id} has no settlement to measure; {remedy}", book=str(book_id))
    decisions = [record.decision for record in sources.ledger.list_decisions(book_id)]
    return BookReading(book_id=book_id, settlements=settlements, decisions=decisions)


def read_opinions(sources: ReportSources, book: BookReading) -> OpinionPanel:
    """Opinions, forecasts and outcomes of a book."""
    last = book.settlements[-1].session
    window = OutcomeWindow(
        source=sources.source,
        settled=[settlement.session for settlement in book.settlements],
        horizon=sources.policy.blend.horizon,
        known_at=bar_known_at(sources.calendar, sources.policy.time, last),
    )
    return read_panel(book.decisions, sources.values, window)


def gather_figures(sources: ReportSources, book_id: BookId) -> ReportFigures:
    """Measure one book.

    Raises:
        UnknownRecord: It was never settled.
        LearningError: It has fewer sessions than a block of the bootstrap.
    """
    bootstrap = BlockBootstrap(seed=SEED)
    sources = replace(sources, values=RememberedValues(stored=sources.values))
    book = read_book(sources, book_id)
    panel = read_opinions(sources, book)
    equal = list(_simulate_equal_weight(sources, book))
    equal_history = _history(sources, equal)
    own_history = _history(sources, book.settlements)
    positions = measure_positions(book.settlements, bootstrap)
    attribution = attribute_profit(book.settlements, book.decisions, sources.values, sources.find_policy)
    agents = tuple(measure_agents(panel, attribution, sources.policy.account.initial_cash, bootstrap))
    curves = _draw_curves(sources, book, equal)
    promotions = sources.ledger.list_promotions()
    standing = read_standing(promotions)
    return ReportFigures(
        book_id=book_id,
        names=panel.instruments,
        performance=sources.measure_performance(book_id),
        equal_weight=describe_history(equal_history, bootstrap),
        equal_weight_excess=compare_histories(own_history, equal_history, bootstrap),
        positions=positions,
        demands=tuple(_list_demands(positions, curves, agents)),
        costs=measure_costs(book.settlements, sources.source, sources.calendar, sources.policy),
        clamp_cost=sum((v.clamp_cost for decision in book.decisions for v in decision.verdicts), ZERO),
        attribution=attribution,
        agents=agents,
        reliability=_measure_reliability(panel, bootstrap),
        pinball=_measure_pinball(panel, bootstrap),
        funnel=count_funnel(
            book.decisions,
            sources.values,
            [fill for settlement in book.settlements for fill in settlement.fills],
            sources.ledger.order_states(book_id),
        ),
        curves=curves,
        weights=read_weights(book.settlements),
        live_model=standing.live,
        live_version=standing.live_version,
        staged=tuple(compare_staged(sources, standing, one, book.settlements, bootstrap) for one in standing.staged),
        promotions=promotions,
        assumptions=tuple(list_assumptions(sources.policy, agents)),
        data=sources.count_data() if sources.count_data else None,
    )


def _simulate_equal_weight(sources: ReportSources, book: BookReading) -> Iterator[BookSession]:
    simulator = EqualWeightBlend(
        ledger=sources.ledger,
        values=sources.values,
        source=sources.source,
        calendar=sources.calendar,
        policy=sources.policy,
        find_policy=sources.find_policy,
    )
    decisions = {decision.session: decision for decision in book.decisions}
    return simulator.simulate([settlement.session for settlement in book.settlements], decisions)


def _history(sources: ReportSources, days: Sequence[BookSession] | Sequence[Settlement]) -> BookHistory:
    fills = [fill for day in days for fill in day.fills]
    opens = [sources.read_open(fill) for fill in fills]
    return BookHistory(equities=[day.equity for day in days], fills=fills, opens=opens)


def _draw_curves(sources: ReportSources, book: BookReading, equal: Sequence[BookSession]) -> Curves:
    sessions = [settlement.session for settlement in book.settlements]
    bought = [fill.session for settlement in book.settlements for fill in settlement.fills] or sessions[1:]
    simulator = Benchmark(source=sources.source, calendar=sources.calendar, policy=sources.policy)
    held, idle = (list(simulator.simulate(sessions, first)) for first in (bought[0], None))
    book_curve, holding, equal_weight, cash = (
        np.array([float(day.equity) for day in days]) for days in (book.settlements, held, equal, idle)
    )
    return Curves(sessions=tuple(sessions), book=book_curve, holding=holding, equal_weight=equal_weight, cash=cash)


def _list_demands(positions: PositionMeasures, curves: Curves, agents: Sequence[AgentMeasures]) -> Iterator[Demand]:
    yield Demand(of="the book", win_rate=positions.win_rate, drawdown=largest_drawdown(curves.book))
    yield Demand(of="buy-and-hold", win_rate=None, drawdown=largest_drawdown(curves.holding))
    yield Demand(of="equal-weight blend", win_rate=None, drawdown=largest_drawdown(curves.equal_weight))
    for agent in agents:
        yield Demand(of=agent.agent, win_rate=agent.hit_rate, drawdown=agent.max_drawdown)


def _measure_reliability(panel: OpinionPanel, bootstrap: BlockBootstrap) -> Reliability | None:
    try:
        return measure_reliability(panel.forecasts.probability_up, panel.outcome, bootstrap)
    except LearningError:
        return None


def _measure_pinball(panel: OpinionPanel, bootstrap: BlockBootstrap) -> Estimate | None:
    try:
        return bootstrap.estimate_sums(sum_losses(pinball_loss(panel.forecasts.quantiles, panel.outcome)), divide_sums)
    except LearningError:
        return None
