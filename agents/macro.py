"""What the state of the economy says about stocks: one opinion for all names."""

import math

import numpy as np

from agents.agent import FeatureAgent, Features, squash
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray
from tradeops.domain.opinions import AgentSpecification, OpinionTarget

WEIGHTS = (0.4, 0.3, 0.2, 0.1)  # trend of the index, credit, unemployment, inflation
# Assumed yardsticks: about one standard deviation of each series over the decades before the first decision.
SPREAD_CHANGE = 0.25  # percentage points in three months
UNEMPLOYMENT_CHANGE = 1.0  # percentage points in twelve months
INFLATION_TARGET, INFLATION = 0.02, 0.02  # a year
TREND_SESSIONS = 100


def score_economy(features: Features) -> FloatArray:
    """Weighted mean of four signals, each in its yardstick, squashed.

    A rising index goes on (Moskowitz, Ooi and Pedersen 2012); a widening spread between BAA and AAA
    bonds, rising unemployment and inflation above its target weigh on stocks (Chen, Roll and Ross 1986;
    Fama and Schwert 1977). Weights and yardsticks are assumptions.

    Returns:
        (K,) float64 in [-1, 1], equal for all names of a session; NaN where the index does not move.
    """
    volatility = features["index_vol_20"]
    # A random walk's distance from its mean of n sessions deviates by σ·√(n/3).
    yardstick = np.where(volatility > 0, volatility, np.nan) * math.sqrt(TREND_SESSIONS / 3.0)
    return (
        WEIGHTS[0] * squash(features["index_trend_100"] / yardstick)
        - WEIGHTS[1] * squash(features["credit_spread_change_3m"] / SPREAD_CHANGE)
        - WEIGHTS[2] * squash(features["unemployment_change_12m"] / UNEMPLOYMENT_CHANGE)
        - WEIGHTS[3] * squash((features["cpi_growth_12m"] - INFLATION_TARGET) / INFLATION)
    )


MACRO = FeatureAgent(
    specification=AgentSpecification(
        agent=AgentId("macro"),
        version=1,
        target=OpinionTarget.RETURN,
        horizon=20,
        features=(
            "index_trend_100",
            "index_vol_20",
            "credit_spread_change_3m",
            "unemployment_change_12m",
            "cpi_growth_12m",
        ),
    ),
    score=score_economy,
)
