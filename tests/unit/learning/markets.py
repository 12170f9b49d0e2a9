"""Training rows with an effect of our own making, or with none."""

import numpy as np

from tests.fakes.trading_calendar import business_days
from tests.unit.examples import FIRST_DAY, NAMES
from tradeops.coordination.boosted_blend import BlenderInputs
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray
from tradeops.learning.training_rows import TrainingRows

COLUMNS = BlenderInputs(agents=(AgentId("technical"),), features=("calm", "trend"))


def make_rows(seed: int, *, effect: float, sessions: int = 900, names: int = 4) -> TrainingRows:
    """Outcomes in deviations, normal, moved by `effect` up or down: up where trend and calm have the same sign.

    Neither column says anything alone, so no weighted sum finds it; the agent's score is noise.
    """
    generator = np.random.default_rng(seed)
    count = sessions * names
    inputs: FloatArray = generator.uniform(-1.0, 1.0, (count, 3))
    inputs[generator.random(count) < 0.1, 0] = np.nan
    move = effect * np.sign(inputs[:, 1] * inputs[:, 2])
    return TrainingRows(
        columns=COLUMNS,
        sessions=business_days(FIRST_DAY, sessions),
        instruments=NAMES[:names],
        session=np.repeat(np.arange(sessions), names),
        instrument=np.tile(np.arange(names), sessions),
        inputs=inputs,
        prior=np.nan_to_num(0.05 * inputs[:, 0]),
        sigma=generator.uniform(0.02, 0.06, count),
        outcome=generator.normal(size=count) + move,
    )
