"""One row through a quantile booster: our way through LightGBM's C interface beside `Booster.predict`."""

import lightgbm
import numpy as np

from benchmarks.measuring import Measured, interleave, median_ratio, quantile
from tradeops.coordination.booster_prediction import Booster
from tradeops.domain.errors import LearningError

WIDTH, ROWS, CALLS = 16, 8_000, 2_000


def measure() -> dict[str, Measured]:
    """How many times faster; refused unless the bits are equal."""
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(ROWS, WIDTH))
    rows[generator.random(rows.shape) < 0.1] = np.nan
    outcome = np.nan_to_num(rows)[:, :3].sum(axis=1) + generator.normal(size=ROWS)
    parameters = {"objective": "quantile", "alpha": 0.5, "num_leaves": 7, "num_threads": 1, "verbosity": -1}
    peer = lightgbm.train(parameters, lightgbm.Dataset(rows, outcome), num_boost_round=60)
    ours = Booster(peer.model_to_string(), WIDTH)
    if any(ours.predict(rows[:count]).tobytes() != peer.predict(rows[:count]).tobytes() for count in (1, 5, ROWS)):
        raise LearningError("predictions differ from the package's own")
    row = rows[:1].copy()
    timed = interleave({"ours": lambda: ours.predict(row), "peer": lambda: peer.predict(row, num_threads=1)}, CALLS)
    medians = (f"{1e6 * quantile(timed[name], 0.5):.1f}" for name in ("ours", "peer"))
    note = f"{' against '.join(medians)} us, 60 trees of 7 leaves, bits equal"
    return {"booster_one_row": Measured(median_ratio(timed["peer"], timed["ours"]), note)}
