"""How opinions become one distribution an instrument; here by prior weights."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from tradeops.coordination.residuals import compute_probability_up, read_residual_quantiles
from tradeops.domain.errors import CoordinationError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.opinions import Opinions
from tradeops.domain.policy import BlendPolicy, TradingPolicy
from tradeops.features.volatility import compute_volatility


class BlendModel(Protocol):
    """What makes one forecast of many opinions; one object serves one thread of one process."""

    def forecast(
        self, opinions: Sequence[Opinions], view: MarketView, learner: LearnerState, policy: TradingPolicy
    ) -> Forecasts | None:
        """Forecasts over the policy's horizon of the names that somebody spoke about, or None when nobody spoke."""
        ...


class PriorBlend:
    """The blend of prior weights; it holds nothing."""

    def forecast(
        self, opinions: Sequence[Opinions], view: MarketView, learner: LearnerState, policy: TradingPolicy
    ) -> Forecasts | None:
        """See `blend_opinions`."""
        return blend_opinions(opinions, view, learner, policy)


def blend_opinions(
    opinions: Sequence[Opinions], view: MarketView, learner: LearnerState, policy: TradingPolicy
) -> Forecasts | None:
    """Forecast each instrument that somebody spoke about and whose price varied.

    Args:
        opinions: One a agent, over the view's instruments, in any order.
        view: What is known.
        learner: State of `residual_quantiles`.
        policy: Weights, horizon, information, volatility window.

    Returns:
        Forecasts over the policy's horizon, or None when nobody spoke.

    Raises:
        CoordinationError: An opinion is about other instruments, or its agent has no weight.
        LearningError: The learner state cannot be used.
        DataError: The view is shorter than the volatility window.
    """
    score = blend_scores(opinions, view.instruments, policy.roster)
    sigma = compute_horizon_volatility(view, policy.blend)
    residuals = read_residual_quantiles(learner)
    return build_forecasts(view.instruments, score, sigma, residuals, policy.blend.information)


def compute_horizon_volatility(view: MarketView, blend: BlendPolicy) -> FloatArray:
    """(N,) standard deviation over the horizon: daily volatility times the root of its sessions.

    Raises:
        DataError: The view is shorter than the volatility window.
    """
    return compute_volatility(view, blend.volatility_window) * math.sqrt(blend.horizon)


def blend_scores(
    opinions: Sequence[Opinions],
    instruments: tuple[InstrumentId, ...],
    weights: Mapping[AgentId, float],
) -> FloatArray:
    """`s = Σ w·c·score / Σ w` over the agents that spoke, summed in the order of their names.

    A weight is shared out among those that spoke only; confidence shrinks the score and not the
    weight, so one unsure agent alone stays unsure.

    Returns:
        (N,) float64 in [-1, 1]; NaN where nobody spoke.

    Raises:
        CoordinationError: An opinion is about other instruments, or its agent has no weight.
    """
    numerator = np.zeros(len(instruments))
    denominator = np.zeros(len(instruments))
    for opinion in sorted(opinions, key=lambda given: given.agent):
        if opinion.instruments != instruments or opinion.agent not in weights:
            raise CoordinationError(f"{opinion.agent} has no weight or judged other instruments than the view's")
        weight = weights[opinion.agent]
        spoke = opinion.spoke
        numerator += np.where(spoke, weight * opinion.confidence * opinion.score, 0.0)
        denominator += np.where(spoke, weight, 0.0)
    heard = denominator > 0
    return np.where(heard, numerator / np.where(heard, denominator, 1.0), np.nan)


def build_forecasts(
    instruments: tuple[InstrumentId, ...],
    score: FloatArray,
    sigma: FloatArray,
    residuals: FloatArray,
    information: float,
) -> Forecasts | None:
    """`mean = information·s·sigma`, `quantiles = mean + sigma·residuals`, in columns.

    Args:
        instruments: N names, ascending.
        score: (N,) blended score, NaN where nobody spoke.
        sigma: (N,) standard deviation over the horizon.
        residuals: (5,) standardised residual quantiles.
        information: Mean in standard deviations at a score of 1.

    Returns:
        Forecasts of the names with a score and sigma > 0, or None when there are none.
    """
    usable = np.isfinite(score) & (sigma > 0)
    if not usable.any():
        return None
    if not usable.all():
        instruments = tuple(n for n, keep in zip(instruments, usable.tolist(), strict=True) if keep)
        score, sigma = score[usable], sigma[usable]
    mean = information * score * sigma
    return Forecasts(
        instruments=instruments,
        score=score,
        mean=mean,
        sigma=sigma,
        quantiles=mean[:, None] + sigma[:, None] * residuals,
        probability_up=compute_probability_up(information * score, residuals),
    )
