"""What each agent was worth: how its scores went with what followed, and what it said nothing about."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

import numpy as np

from tradeops.domain.errors import LearningError
from tradeops.domain.identifiers import AgentId
from tradeops.domain.opinions import Abstention
from tradeops.learning.block_bootstrap import BlockBootstrap, Estimate
from tradeops.learning.opinion_statistics import correlate_sums, divide_sums, sum_rank_products, sum_sign_hits
from tradeops.learning.return_statistics import largest_drawdown
from tradeops.services.attribute_profit import Attribution
from tradeops.services.read_panel import NOT_ASKED, AgentPanel, OpinionPanel


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMeasures:
    """Of one agent in one book.

    Args:
        agent: Who.
        asked: Times that it was asked about a name.
        spoke: Times that it gave an opinion.
        outcomes: Opinions whose outcome has matured.
        abstentions: Times that it said nothing, by reason.
        information: Rank correlation of score and outcome, pooled, 95 % by blocks of sessions; None
            with too few sessions.
        hit_rate: Share of opinions with the right sign, 95 % likewise; None with too few.
        confidence: Median confidence when it spoke; None when it never did.
        profit: The book's profit attributed to it, USD.
        max_drawdown: Deepest fall of the initial cash with that profit, ≤ 0.
    """

    agent: AgentId
    asked: int
    spoke: int
    outcomes: int
    abstentions: Mapping[str, int]
    information: Estimate | None
    hit_rate: Estimate | None
    confidence: float | None
    profit: Decimal
    max_drawdown: float


def measure_agents(
    panel: OpinionPanel, attribution: Attribution, initial_cash: Decimal, bootstrap: BlockBootstrap
) -> Iterator[AgentMeasures]:
    """Measure every agent that was ever asked, ascending by name.

    Args:
        panel: Opinions and outcomes.
        attribution: The book's profit by agent.
        initial_cash: Of the account, USD.
        bootstrap: Resamples sessions.
    """
    for agent, opinions in panel.agents.items():
        asked = opinions.abstention != NOT_ASKED
        spoke = np.isfinite(opinions.score)
        yield AgentMeasures(
            agent=agent,
            asked=int(asked.sum()),
            spoke=int(spoke.sum()),
            outcomes=int((spoke & np.isfinite(panel.outcome)).sum()),
            abstentions=_count_abstentions(opinions),
            information=_estimate_information(opinions, panel, bootstrap),
            hit_rate=_estimate_hit_rate(opinions, panel, bootstrap),
            confidence=float(np.median(opinions.confidence[spoke])) if spoke.any() else None,
            profit=attribution.by_agent.get(agent, Decimal(0)),
            max_drawdown=_measure_drawdown(attribution.history.get(agent, ()), initial_cash),
        )


def _measure_drawdown(profits: Sequence[Decimal], initial_cash: Decimal) -> float:
    equities = [initial_cash, *(initial_cash + gained for gained in accumulate(profits))]
    return largest_drawdown(np.array([float(equity) for equity in equities]))


def _count_abstentions(opinions: AgentPanel) -> Mapping[str, int]:
    codes = Counter(opinions.abstention.ravel().tolist())
    return {
        reason.name.lower(): codes[int(reason)]
        for reason in Abstention
        if reason is not Abstention.NONE and codes[int(reason)]
    }


def _estimate_information(opinions: AgentPanel, panel: OpinionPanel, bootstrap: BlockBootstrap) -> Estimate | None:
    try:
        return bootstrap.estimate_sums(sum_rank_products(opinions.score, panel.outcome), correlate_sums)
    except LearningError:
        return None


def _estimate_hit_rate(opinions: AgentPanel, panel: OpinionPanel, bootstrap: BlockBootstrap) -> Estimate | None:
    try:
        return bootstrap.estimate_sums(sum_sign_hits(opinions.score, panel.outcome), divide_sums)
    except LearningError:
        return None
