"""Whether money comes into a name or leaves it, from prices and volume."""

import numpy as np

from agents.agent import FeatureAgent, Features
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray
from tradeops.domain.opinions import AgentSpecification, OpinionTarget

WEIGHTS = (0.35, 0.25, 0.3, 0.1)  # where closes lie, typical prices, signs of the days, attention


def score_flows(features: Features) -> FloatArray:
    """Weighted mean of four flows, each in [-1, 1] by construction.

    Chaikin's money flow (where in its range a session closed), the money flow index of Quong and
    Soudack (1989) about its middle, on-balance volume after Granville (1963) as a share of turnover,
    and attention `(v − 1) / (v + 1)` for today's turnover v against its usual one: unusual volume is
    followed by higher returns (Gervais, Kaniel and Mingelgrin 2001). That money flows persist over the
    next week is an assumption.

    Returns:
        (K,) float64 in [-1, 1].
    """
    turnover = features["volume_ratio_20"]
    score = (
        WEIGHTS[0] * features["cmf_20"]
        + WEIGHTS[1] * (2.0 * features["mfi_14"] - 1.0)
        + WEIGHTS[2] * features["obv_20"]
        + WEIGHTS[3] * ((turnover - 1.0) / (turnover + 1.0))
    )
    return np.clip(score, -1.0, 1.0)  # sums of turnover may round beyond their bound


MONEY_FLOWS = FeatureAgent(
    specification=AgentSpecification(
        agent=AgentId("money_flows"),
        version=1,
        target=OpinionTarget.RETURN,
        horizon=5,
        features=("cmf_20", "mfi_14", "obv_20", "volume_ratio_20"),
    ),
    score=score_flows,
)
