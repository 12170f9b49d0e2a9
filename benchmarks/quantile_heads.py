"""The batch of `batched_opportunities` with the trained blend: what is left of the ceiling of its five boosters.

Volatilities are given, as there. The ceiling is what `Booster.predict` alone would allow, one thread, on
the very rows.
"""

from collections.abc import Callable

import lightgbm
import numpy as np

from benchmarks.batched_opportunities import WIDTH, make_pipeline
from benchmarks.markets import AGENTS, make_opinions, make_policy, make_view
from benchmarks.measuring import Measured, interleave, median_ratio, quantile
from tradeops.coordination.blend import compute_horizon_volatility
from tradeops.coordination.boosted_blend import BlenderInputs, BoostedBlend, StoredBlender
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.market import MarketView
from tradeops.domain.policy import TradingPolicy
from tradeops.learning.train_quantiles import fit_blender
from tradeops.services.gather_training_rows import VIEW_FEATURES

ROWS, CALLS = 8_000, 3
COLUMNS = BlenderInputs(agents=AGENTS, features=VIEW_FEATURES)


def train() -> StoredBlender:
    """A blender of the shipped size on made-up rows."""
    generator = np.random.default_rng(1)
    rows = generator.uniform(-1.0, 1.0, (ROWS, len(COLUMNS.names)))
    return fit_blender(
        COLUMNS, rows, rows[:, :4].sum(axis=1) + generator.normal(size=ROWS), make_policy(AGENTS, 3).training
    )


def measure() -> dict[str, Measured]:
    """The batch's rate over that of five heads alone."""
    view, stored = make_view(WIDTH), train()
    rows = COLUMNS.stack(make_opinions(view, AGENTS), view)
    heads = [lightgbm.Booster(model_str=text) for text in stored.boosters]

    def make_blend(view: MarketView, policy: TradingPolicy) -> Callable[[], Forecasts | None]:
        model, opinions = BoostedBlend(stored), make_opinions(view, AGENTS)
        sigma = compute_horizon_volatility(view, policy.blend)
        return lambda: model.build_forecasts(
            view.instruments, COLUMNS.stack(opinions, view), sigma, policy.blend.information
        )

    timed = interleave(
        {
            "ours": make_pipeline(view, 3, make_blend),
            "ceiling": lambda: [head.predict(rows, num_threads=1) for head in heads],
        },
        CALLS,
    )
    seconds = {name: quantile(rounds, 0.5) for name, rounds in timed.items()}
    note = f"{WIDTH / seconds['ours']:,.0f}/s against {WIDTH / seconds['ceiling']:,.0f}/s of the five heads alone"
    return {"opportunities_quantile_heads": Measured(median_ratio(timed["ceiling"], timed["ours"]), note)}
