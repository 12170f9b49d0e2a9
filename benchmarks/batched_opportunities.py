"""Opinions in columns through blend, slate, opportunities, sizes and gate to orders and a hashed record.

What a session computes once from prices (volatility, average volume) is given, as the opinions are; every
function called is the product's own. Every one of the 10,000 names is blended, costed and ranked; orders
are what the slate leads to.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np

from benchmarks.markets import AGENTS, make_opinions, make_policy, make_state, make_view
from benchmarks.measuring import Measured, interleave, quantile
from tradeops.coordination.blend import blend_scores, build_forecasts
from tradeops.coordination.opportunities import build_opportunities
from tradeops.coordination.residuals import read_residual_quantiles
from tradeops.coordination.slate import compute_net_edges, draw_slate, rank_candidates
from tradeops.coordination.trading_costs import estimate_costs
from tradeops.domain.decisions import CycleRequest, Decision, Outcome
from tradeops.domain.errors import CoordinationError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import BookId, CycleId, ValueRef
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.slates import Slate
from tradeops.features.volatility import compute_covariance, compute_volatility, correlate
from tradeops.features.volume import compute_average_volume
from tradeops.learning.residual_quantiles import start_residual_quantiles
from tradeops.risk.gate import check_risk
from tradeops.risk.sizing import size_positions
from tradeops.services.cycle.check_risk import approve_orders
from tradeops.services.cycle.stored_values import encode_forecasts

WIDTH = 10_000
CALLS = 9

MakeBlend = Callable[[MarketView, TradingPolicy], Callable[[], Forecasts | None]]


def make_linear_blend(view: MarketView, policy: TradingPolicy) -> Callable[[], Forecasts | None]:
    """The prior blend with volatilities given."""
    opinions = make_opinions(view, AGENTS)
    sigma = compute_volatility(view, policy.blend.volatility_window) * math.sqrt(policy.blend.horizon)
    residuals = read_residual_quantiles(start_residual_quantiles())

    def blend() -> Forecasts | None:
        score = blend_scores(opinions, view.instruments, policy.roster)
        return build_forecasts(view.instruments, score, sigma, residuals, policy.blend.information)

    return blend


def make_pipeline(
    view: MarketView, slate_size: int, make_blend: MakeBlend = make_linear_blend
) -> Callable[[], tuple[Decision, str]]:
    """One decision over all names of the view; each call is another cycle."""
    state, policy = make_state(), make_policy(AGENTS, slate_size)
    version, blend = policy.version, make_blend(view, policy)
    volumes = compute_average_volume(view, np.arange(len(view.instruments)))
    request = CycleRequest(
        book_id=BookId(),
        session=view.session,
        as_of=view.as_of,
        next_session=view.session + timedelta(days=1),
    )
    blank = begin_decision(request, view)
    numbers = count()

    def decide() -> tuple[Decision, str]:
        cycle_id = CycleId(f"{next(numbers):064d}")
        forecasts = blend()
        if forecasts is None:
            raise CoordinationError("nobody spoke")
        slate = choose_slate(cycle_id, view, forecasts, volumes, policy)
        offers = build_opportunities(slate=slate, forecasts=forecasts, view=view, state=state, policy=policy)
        sized = size_positions(
            cycle_id=cycle_id, opportunities=offers, slate=slate, view=view, state=state, policy=policy
        )
        verdicts = check_risk(
            sized.intents,
            state=state,
            view=view,
            policy=policy,
            net_edges={offer.instrument: offer.net_edge for offer in offers},
            limits_version=version,
        )
        orders = approve_orders(cycle_id, request, sized.intents, verdicts)
        found = {"slate": slate, "opportunities": offers, "verdicts": verdicts, "orders": orders}
        decision = replace(
            blank,
            cycle_id=cycle_id,
            forecasts=hash_forecasts(forecasts),
            targets=sized.targets,
            intents=sized.intents,
            **found,
        )
        return decision, decision.digest

    return decide


def begin_decision(request: CycleRequest, view: MarketView) -> Decision:
    """What of a record is known before anything was decided."""
    return Decision(
        cycle_id=CycleId(""),
        book_id=request.book_id,
        session=request.session,
        as_of=request.as_of,
        next_session=request.next_session,
        watermark=view.watermark,
        outcome=Outcome.DECIDED,
        opinions={},
    )


def choose_slate(
    cycle_id: CycleId, view: MarketView, forecasts: Forecasts, volumes: FloatArray, policy: TradingPolicy
) -> Slate:
    """What `select_slate` does, with the average volumes given."""
    costs = estimate_costs(view.columns["close"][-1], volumes, float(make_state().equity), policy)
    edges = compute_net_edges(forecasts, costs)
    best = rank_candidates(edges, policy.slate.candidates)
    names = tuple(view.instruments[i] for i in best.tolist())
    correlation = correlate(compute_covariance(view, policy.sizing.covariance_window, best))
    return draw_slate(cycle_id, names, edges[best], correlation, policy.slate)


def hash_forecasts(forecasts: Forecasts) -> ValueRef:
    """The reference under which the blend would be stored."""
    return ValueRef(hashlib.sha256(encode_forecasts(forecasts)).hexdigest())


def make_floor(view: MarketView) -> Callable[[], object]:
    """What is left when only the arithmetic over columns and one hash of its result remain."""
    opinions = make_opinions(view, AGENTS)
    scores = np.array([opinion.score for opinion in opinions])
    confidences = np.array([opinion.confidence for opinion in opinions])
    weights = np.arange(1.0, len(opinions) + 1.0)
    sigma = compute_volatility(view, 60) * math.sqrt(5)

    def compute() -> str:
        blended = (weights[:, None] * confidences * scores).sum(axis=0) / weights.sum()
        mean = 0.8 * blended * sigma
        quantiles = mean[:, None] + sigma[:, None] * np.array([-1.64, -0.67, 0.0, 0.67, 1.64])
        best = np.argpartition(-mean, 64)[:64]
        return hashlib.sha256(quantiles.tobytes() + mean[best].tobytes()).hexdigest()

    return compute


def measure() -> dict[str, Measured]:
    """Names a second at the shipped slate size; a slate of 20 stands in the note."""
    view = make_view(WIDTH)
    calls = {"shipped": make_pipeline(view, 3), "twenty": make_pipeline(view, 20)}
    timed = interleave({**calls, "floor": make_floor(view)}, CALLS)
    found = {name: quantile(rounds, 0.5) for name, rounds in timed.items()}
    orders = {name: len(calls[name]()[0].orders) for name in ("shipped", "twenty")}
    note = (
        f"{1e3 * found['shipped']:.1f} ms for 12 x 10,000 opinions to {orders['shipped']} orders; "
        f"{WIDTH / found['twenty']:,.0f}/s to {orders['twenty']}; floor {1e3 * found['floor']:.1f} ms"
    )
    return {"opportunities_linear": Measured(WIDTH / found["shipped"], note)}
