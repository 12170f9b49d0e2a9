"""What `tradeops performance` says of one book: returns, positions and costs, and its agents when asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from tradeops.domain.identifiers import BookId
from tradeops.domain.models import read_standing
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.services.attribute_profit import Attribution, attribute_profit
from tradeops.services.measure_agents import AgentMeasures, measure_agents
from tradeops.services.measure_costs import CostComponents, measure_costs
from tradeops.services.measure_performance import SEED, PerformanceReport
from tradeops.services.measure_positions import PositionMeasures, measure_positions
from tradeops.services.report.compare_staged import compare_staged
from tradeops.services.report.figures import StagedFigures
from tradeops.services.report.gather_figures import read_book, read_opinions
from tradeops.services.report.sources import ReportSources


@dataclass(frozen=True, slots=True, kw_only=True)
class BookMeasures:
    """Of one book.

    Args:
        performance: Beside buy-and-hold and cash.
        positions: Exposure and closed positions.
        costs: By component.
        staged: The model that decides for it beside live; None for a book of live's own model.
    """

    performance: PerformanceReport
    positions: PositionMeasures
    costs: CostComponents
    staged: StagedFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """The agents of one book, and whose profit was whose."""

    agents: Sequence[AgentMeasures]
    attribution: Attribution


def measure_book(sources: ReportSources, book_id: BookId) -> BookMeasures:
    """Measure a book without its agents, which is quick.

    Raises:
        UnknownRecord: It was never settled.
        LearningError: It has fewer sessions than a block of the bootstrap.
    """
    bootstrap = BlockBootstrap(seed=SEED)
    book = read_book(sources, book_id)
    standing = read_standing(sources.ledger.list_promotions())
    live = list(sources.ledger.list_settlements(BookId()))
    own = [one for one in standing.staged if one.book_id == book_id]
    return BookMeasures(
        performance=sources.measure_performance(book_id),
        positions=measure_positions(book.settlements, bootstrap),
        costs=measure_costs(book.settlements, sources.source, sources.calendar, sources.policy),
        staged=compare_staged(sources, standing, own[0], live, bootstrap) if own else None,
    )


def measure_book_agents(sources: ReportSources, book_id: BookId) -> AgentReport:
    """Measure every agent of a book.

    Raises:
        UnknownRecord: It was never settled.
    """
    book = read_book(sources, book_id)
    panel = read_opinions(sources, book)
    attribution = attribute_profit(book.settlements, book.decisions, sources.values, sources.find_policy)
    cash = sources.policy.account.initial_cash
    return AgentReport(
        agents=tuple(measure_agents(panel, attribution, cash, BlockBootstrap(seed=SEED))), attribution=attribution
    )
