"""A diversified slate, drawn name by name with known probabilities."""

import math

import numpy as np
import numpy.typing as npt

from tradeops.coordination.draws import draw_uniform
from tradeops.coordination.propensities import condition_on, mix_probabilities, pick_index
from tradeops.coordination.trading_costs import TradingCosts, estimate_costs
from tradeops.domain.decisions import BookState
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import CycleId, InstrumentId
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.policy import SlatePolicy, TradingPolicy
from tradeops.domain.slates import Slate, SlateDraw
from tradeops.features.positions import locate_columns
from tradeops.features.volatility import compute_covariance, correlate
from tradeops.features.volume import compute_average_volume

STEP = "select_slate"
RIDGE = 0.05  # share of the identity in the similarity: keeps equal names apart and the kernel definite


def select_slate(
    *,
    cycle_id: CycleId,
    forecasts: Forecasts,
    view: MarketView,
    state: BookState,
    policy: TradingPolicy,
) -> Slate:
    """Fix the candidates by net edge, then draw K of them.

    The net edge is the mean in excess of the equal-weight mean of all forecasts, less the round
    trip's cost; a name without volume is no candidate.

    Args:
        cycle_id: Keys the random numbers.
        forecasts: Of this cycle.
        view: What is known.
        state: The book; its equity sets the size at which costs are expected.
        policy: Slate, costs, limits, covariance window.

    Raises:
        DataError: The view lacks an instrument or is shorter than a window.
    """
    columns = locate_columns(view.instruments, forecasts.instruments)
    costs = estimate_costs(
        view.columns["close"][-1][columns],
        compute_average_volume(view, columns),
        float(state.equity),
        policy,
    )
    edges = compute_net_edges(forecasts, costs)
    candidates = rank_candidates(edges, policy.slate.candidates)
    covariance = compute_covariance(view, policy.sizing.covariance_window, columns[candidates])
    names = tuple(forecasts.instruments[position] for position in candidates.tolist())
    return draw_slate(cycle_id, names, edges[candidates], correlate(covariance), policy.slate)


def compute_net_edges(forecasts: Forecasts, costs: TradingCosts) -> FloatArray:
    """(M,) excess mean less the round trip's cost, rounded to 1e-12 because it decides a rank."""
    mean = float(np.add.accumulate(forecasts.mean)[-1]) / len(forecasts.instruments)
    return np.round(forecasts.mean - mean - costs.round_trip, 12)


def rank_candidates(edges: FloatArray, most: int) -> npt.NDArray[np.intp]:
    """Positions of the `most` highest finite edges, best first; ties keep the instruments' order."""
    pool = np.flatnonzero(np.isfinite(edges))
    if len(pool) > most:
        bound = np.partition(edges[pool], -most)[-most]
        pool = pool[edges[pool] >= bound]
    return pool[np.argsort(-edges[pool], kind="stable")][:most]


def draw_slate(
    cycle_id: CycleId,
    names: tuple[InstrumentId, ...],
    edges: FloatArray,
    correlation: FloatArray,
    policy: SlatePolicy,
) -> Slate:
    """Draw min(K, M) names one after another from a determinantal kernel's marginal gains.

    The kernel is `L_ij = q_i·q_j·S_ij` with `q = exp(quality·z)`, z the edge standardised over the
    candidates, and `S = (1 − ridge)·correlation + ridge·identity`. The gain of i after Y is
    `log det L_(Y+i) − log det L_Y = 2·quality·z_i + log v_i`, v_i the variance of i given Y.

    Args:
        cycle_id: Keys the random numbers.
        names: M candidates, best first.
        edges: (M,) net edges.
        correlation: (M, M).
        policy: K, ε, τ and quality.

    Returns:
        The slate with each step's gains, exact probabilities and random number.
    """
    similarity = (1.0 - RIDGE) * correlation + RIDGE * np.eye(len(names))
    quality = (2.0 * policy.quality * standardise(edges)).tolist()
    left, draws = list(range(len(names))), list[SlateDraw]()
    factors, variance = list[FloatArray](), np.diagonal(similarity).copy()
    for item in range(min(policy.size, len(names))):
        spread = variance.tolist()
        gains = tuple(quality[i] + math.log(spread[i]) for i in left)
        probabilities = mix_probabilities(gains, temperature=policy.temperature, exploration=policy.exploration)
        uniform = draw_uniform(cycle_id, STEP, item)
        chosen = left[pick_index(probabilities, uniform)]
        draws.append(
            SlateDraw(
                candidates=tuple(names[i] for i in left),
                gains=gains,
                probabilities=probabilities,
                uniform=uniform,
                chosen=names[chosen],
            )
        )
        factor, variance = condition_on(similarity, factors, variance, chosen)
        factors.append(factor)
        left.remove(chosen)
    return Slate(candidates=names, draws=tuple(draws))


def standardise(edges: FloatArray) -> FloatArray:
    """(M,) edges less their mean over their population standard deviation; zeros without spread."""
    if len(edges) == 0:
        return edges
    deviations = edges - float(np.add.accumulate(edges)[-1]) / len(edges)
    spread = math.sqrt(float(np.add.accumulate(deviations * deviations)[-1]) / len(edges))
    return deviations / spread if spread > 0 else np.zeros_like(edges)
