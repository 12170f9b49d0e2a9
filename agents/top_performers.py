"""Names that lead the universe and stand near their high."""

import numpy as np

from agents.agent import FeatureAgent, Features
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray
from tradeops.domain.opinions import AgentSpecification, OpinionTarget

WEIGHTS = (0.5, 0.3, 0.2)  # rank of momentum, rank of the last month, nearness to the high
MIDDLE_DRAWDOWN = 0.25  # assumed: as far from the high as says nothing


def score_leaders(features: Features) -> FloatArray:
    """Weighted mean of two cross-sectional ranks about their middle and the nearness to the high.

    Relative strength after Jegadeesh and Titman (1993), nearness to the 120-session high after George
    and Hwang (2004): +1 at the high, 0 at `MIDDLE_DRAWDOWN` below it, −1 at twice that and further.
    That the last month's leaders lead on is an assumption.

    Returns:
        (K,) float64 in [-1, 1]; 0 for a name in the middle of both ranks, as one without others is.
    """
    momentum, month = (2.0 * features[name] - 1.0 for name in ("rank_momentum", "rank_ret_20"))
    nearness = np.clip(1.0 + features["drawdown_120"] / MIDDLE_DRAWDOWN, -1.0, 1.0)
    score = WEIGHTS[0] * momentum + WEIGHTS[1] * month + WEIGHTS[2] * nearness
    unranked = (momentum == 0.0) & (month == 0.0)
    return np.where(unranked, 0.0, score)


TOP_PERFORMERS = FeatureAgent(
    specification=AgentSpecification(
        agent=AgentId("top_performers"),
        version=1,
        target=OpinionTarget.RETURN,
        horizon=20,
        features=("rank_momentum", "rank_ret_20", "drawdown_120"),
    ),
    score=score_leaders,
)
