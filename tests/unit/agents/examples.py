"""Features that agents are asked about."""

from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agents.agent import Assessment, FeatureAgent
from tradeops.domain.market import FloatArray
from tradeops.domain.opinions import Abstention

# Where each feature lies by its definition, or further than any market took it.
RANGES: Mapping[str, tuple[float, float]] = {
    "cmf_20": (-1.0, 1.0),
    "cpi_growth_12m": (-0.2, 0.5),
    "credit_spread_change_3m": (-5.0, 5.0),
    "drawdown_120": (-1.0, 0.0),
    "index_trend_100": (-0.8, 2.0),
    "index_vol_20": (0.0, 0.5),
    "mfi_14": (0.0, 1.0),
    "momentum_120_20": (-1.0, 50.0),
    "obv_20": (-1.0, 1.0),
    "rank_momentum": (0.0, 1.0),
    "rank_ret_20": (0.0, 1.0),
    "ret_5": (-1.0, 20.0),
    "sma_ratio_100": (-1.0, 50.0),
    "unemployment_change_12m": (-10.0, 15.0),
    "vol_60": (0.0, 2.0),
    "volume_ratio_20": (0.0, 20.0),
}


def draw_features(agent: FeatureAgent, count: int) -> st.SearchStrategy[dict[str, FloatArray]]:
    """(count,) values of each declared feature, some of them unknown."""
    return st.fixed_dictionaries(
        {
            name: arrays(np.float64, (count,), elements=st.floats(*RANGES[name]) | st.just(np.nan))
            for name in agent.specification.features
        }
    )


def ask(agent: FeatureAgent, **values: float) -> Assessment:
    """What the agent says about one case."""
    return agent.assess({name: np.array([value]) for name, value in values.items()})


def score_of(agent: FeatureAgent, **values: float) -> float:
    """Its score, or NaN."""
    return float(ask(agent, **values).score[0])


def reason_of(agent: FeatureAgent, **values: float) -> Abstention:
    """Why it says nothing; `NONE` when it does."""
    return Abstention(ask(agent, **values).abstention[0])
