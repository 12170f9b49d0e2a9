"""Trend, momentum and mean reversion of prices, as one judgement."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.opinions import (
    Abstention,
    AgentSpecification,
    Opinions,
    OpinionTarget,
    abstain_everywhere,
)
from tradeops.features.rows import sum_rows
from tradeops.features.total_return import build_total_return_index
from tradeops.features.volatility import compute_volatility

LOOKBACK = 126
VOLATILITY_WINDOW = 60
TREND_ROWS = 100
MOMENTUM_SKIP = 20  # the last month belongs to reversion
REVERSION_SESSIONS = 5
WEIGHTS = (0.4, 0.4, 0.2)  # trend, momentum, reversion
SMALLEST_SCORE = 0.05
# An assumption until outcomes say otherwise: the sign is right in 52.5 % of the cases.
PRIOR_CONFIDENCE = 0.05

SPECIFICATION = AgentSpecification(
    agent=AgentId("technical"),
    version=1,
    target=OpinionTarget.RETURN,
    horizon=5,
    lookback=LOOKBACK,
)


@dataclass(frozen=True, slots=True)
class TechnicalAgent:
    """Judges every instrument of a view at once from its total-return index."""

    specification: AgentSpecification = SPECIFICATION

    def judge(self, view: MarketView) -> Opinions:
        """Score each instrument; pure.

        Returns:
            Opinions over the view's instruments; an abstention where the history is too short, the
            last session saw no trade, prices did not vary, or the signals cancel.
        """
        agent = self.specification.agent
        if len(view.sessions) < LOOKBACK:
            return abstain_everywhere(agent, view.instruments, Abstention.TOO_LITTLE_HISTORY)
        index = build_total_return_index(view, LOOKBACK)
        volatility = compute_volatility(view, VOLATILITY_WINDOW)
        score = combine_signals(index, volatility)
        abstention = find_abstentions(view, index, volatility, score)
        spoke = abstention == int(Abstention.NONE)
        return Opinions(
            agent=agent,
            instruments=view.instruments,
            score=np.where(spoke, score, np.nan),
            confidence=np.where(spoke, PRIOR_CONFIDENCE, np.nan),
            abstention=abstention,
        )


def combine_signals(index: FloatArray, volatility: FloatArray) -> FloatArray:
    """Weighted mean of three signals, each a move in its own standard deviations.

    With a random walk's deviation after n sessions, σ·√n, as the yardstick (σ·√(n/3) for the
    distance of the last value from the mean of n), each signal is squashed by z / √(1 + z²).

    Args:
        index: (126, N) total-return index.
        volatility: (N,) a day.

    Returns:
        (N,) float64 in [-1, 1]; NaN where the volatility is zero or the index is not finite.
    """
    last = index[-1]
    mean = sum_rows(index[-TREND_ROWS:]) / TREND_ROWS
    trend = _scale(last / mean - 1.0, volatility, TREND_ROWS / 3.0)
    skipped = len(index) - 1 - MOMENTUM_SKIP
    momentum = _scale(index[skipped] / index[0] - 1.0, volatility, skipped)
    recent = last / index[-1 - REVERSION_SESSIONS] - 1.0
    reversion = -_scale(recent, volatility, REVERSION_SESSIONS)
    score = WEIGHTS[0] * trend + WEIGHTS[1] * momentum + WEIGHTS[2] * reversion
    return np.clip(score, -1.0, 1.0)


def find_abstentions(
    view: MarketView, index: FloatArray, volatility: FloatArray, score: FloatArray
) -> npt.NDArray[np.int8]:
    """(N,) the first reason that holds for each instrument, `NONE` where an opinion stands."""
    known = np.isfinite(index).all(axis=0)
    with np.errstate(invalid="ignore"):
        reasons = (
            (~known, Abstention.TOO_LITTLE_HISTORY),
            (~(view.columns["volume"][-1] > 0), Abstention.STALE_INPUT),
            (~(volatility > 0), Abstention.NO_VARIATION),
            (~(np.abs(score) >= SMALLEST_SCORE), Abstention.NO_SIGNAL),
        )
    codes = np.select([holds for holds, _ in reasons], [int(reason) for _, reason in reasons], default=0)
    return codes.astype(np.int8)


def _scale(move: FloatArray, volatility: FloatArray, sessions: float) -> FloatArray:
    yardstick = np.where(volatility > 0, volatility, np.nan) * math.sqrt(sessions)
    z = move / yardstick
    squashed: FloatArray = z / np.sqrt(1.0 + z * z)
    return squashed
