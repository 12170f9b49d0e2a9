"""Trend, momentum and mean reversion of prices, as one judgement."""

import math

import numpy as np

from agents.agent import FeatureAgent, Features, squash
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray
from tradeops.domain.opinions import AgentSpecification, OpinionTarget

WEIGHTS = (0.4, 0.4, 0.2)  # trend, momentum, reversion
TREND_SESSIONS = 100
MOMENTUM_SESSIONS = 100  # from 120 to 20 sessions ago: the last month belongs to reversion
REVERSION_SESSIONS = 5


def score_prices(features: Features) -> FloatArray:
    """Weighted mean of three signals, each a move in its own standard deviations, squashed.

    The yardstick is a random walk's deviation after n sessions, σ·√n (σ·√(n/3) for the distance of the
    last value from the mean of n), with σ the 60-session volatility. Momentum after Jegadeesh and Titman
    (1993), reversal of the last week after Lehmann (1990).

    Returns:
        (K,) float64 in [-1, 1]; NaN where the volatility is zero.
    """
    volatility = features["vol_60"]
    sigma = np.where(volatility > 0, volatility, np.nan)
    trend = squash(features["sma_ratio_100"] / (sigma * math.sqrt(TREND_SESSIONS / 3.0)))
    momentum = squash(features["momentum_120_20"] / (sigma * math.sqrt(MOMENTUM_SESSIONS)))
    recent = squash(features["ret_5"] / (sigma * math.sqrt(REVERSION_SESSIONS)))
    return WEIGHTS[0] * trend + WEIGHTS[1] * momentum - WEIGHTS[2] * recent


TECHNICAL = FeatureAgent(
    specification=AgentSpecification(
        agent=AgentId("technical"),
        version=2,
        target=OpinionTarget.RETURN,
        horizon=5,
        features=("vol_60", "sma_ratio_100", "momentum_120_20", "ret_5"),
    ),
    score=score_prices,
)
