"""Fits one boosted quantile regression a level."""

import numpy as np

from tradeops.coordination.boosted_blend import BlenderInputs, StoredBlender
from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.market import FloatArray
from tradeops.domain.policy import TrainingPolicy


def fit_blender(
    columns: BlenderInputs, inputs: FloatArray, outcome: FloatArray, training: TrainingPolicy
) -> StoredBlender:
    """Fit LightGBM with the quantile objective at `QUANTILE_LEVELS`; equal rows give equal text.

    Args:
        columns: The F columns.
        inputs: (R, F); NaN is a missing value.
        outcome: (R,) in standard deviations.
        training: Rounds, leaves, learning rate, smallest leaf, seed.

    Raises:
        LearningError: There are fewer rows than two leaves need.
    """
    import lightgbm  # noqa: PLC0415 - takes seconds

    if len(outcome) < 2 * training.smallest_leaf:
        raise LearningError(f"{len(outcome)} rows are too few for leaves of {training.smallest_leaf}")
    rows = lightgbm.Dataset(
        inputs, outcome, feature_name=list(columns.names), params=_parameters(training), free_raw_data=False
    )
    boosters = [
        lightgbm.train({**_parameters(training), "alpha": level}, rows, num_boost_round=training.rounds)
        for level in QUANTILE_LEVELS
    ]
    return StoredBlender(inputs=columns, boosters=tuple(booster.model_to_string() for booster in boosters))


def measure_importance(blender: StoredBlender) -> FloatArray:
    """(F,) share of each column in the gain of all splits, averaged over the boosters that split at all."""
    import lightgbm  # noqa: PLC0415 - takes seconds

    gains = [lightgbm.Booster(model_str=text).feature_importance("gain") for text in blender.boosters]
    shares = [gain / gain.sum() for gain in gains if gain.sum() > 0]
    return np.mean(shares, axis=0) if shares else np.zeros(len(blender.inputs.names))


def _parameters(training: TrainingPolicy) -> dict[str, object]:
    return {
        "objective": "quantile",
        "num_leaves": training.leaves,
        "learning_rate": training.learning_rate,
        "min_data_in_leaf": training.smallest_leaf,
        "seed": training.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
