"""Real boosters for tests, trained in a moment on made-up rows."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tradeops.coordination.boosted_blend import BlenderInputs, StoredBlender
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.identifiers import AgentId

INPUTS = BlenderInputs(agents=(AgentId("macro"), AgentId("technical")), features=("trend", "vol_20"))


def make_rows(seed: int, count: int, width: int) -> npt.NDArray[np.float64]:
    """Normal numbers, a fifth of them missing."""
    generator = np.random.default_rng(seed)
    rows: npt.NDArray[np.float64] = generator.normal(size=(count, width))
    rows[generator.random(rows.shape) < 0.2] = np.nan
    return rows


@cache
def train_booster(seed: int, width: int, level: float = 0.5, rounds: int = 20) -> Any:
    import lightgbm

    rows = make_rows(seed, 400, width)
    outcome = np.nan_to_num(rows).sum(axis=1) + np.random.default_rng(seed + 1).normal(size=400)
    parameters = {"objective": "quantile", "alpha": level, "verbosity": -1, "num_threads": 1, "num_leaves": 7}
    return lightgbm.train(parameters, lightgbm.Dataset(rows, outcome), num_boost_round=rounds)


def train_blender(seed: int = 1) -> StoredBlender:
    """A blender of two agents and two features."""
    texts = [train_booster(seed, len(INPUTS.names), level).model_to_string() for level in QUANTILE_LEVELS]
    return StoredBlender(inputs=INPUTS, boosters=tuple(texts))
