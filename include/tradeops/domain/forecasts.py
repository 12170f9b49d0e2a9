"""The blended view of the next five sessions, in columns."""

from dataclasses import dataclass

import numpy as np

from tradeops.domain.errors import CoordinationError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray

QUANTILE_LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecasts:
    """Distribution of the raw return from the open of t+1 to the open of t+6.

    Args:
        instruments: Those M of the universe about which some agent spoke, ascending.
        score: (M,) blended score in [-1, 1].
        mean: (M,) expected return, as a fraction.
        sigma: (M,) standard deviation over the horizon, > 0.
        quantiles: (M, 5) at `QUANTILE_LEVELS`, ascending.
        probability_up: (M,) in [0, 1].
    """

    instruments: tuple[InstrumentId, ...]
    score: FloatArray
    mean: FloatArray
    sigma: FloatArray
    quantiles: FloatArray
    probability_up: FloatArray

    def __post_init__(self) -> None:
        count = len(self.instruments)
        vectors = (self.score, self.mean, self.sigma, self.probability_up)
        if any(vector.shape != (count,) for vector in vectors) or self.quantiles.shape != (
            count,
            len(QUANTILE_LEVELS),
        ):
            raise CoordinationError(f"forecast columns do not fit {count} instruments")
        finite = all(np.isfinite(column).all() for column in (*vectors, self.quantiles))
        if not finite or not (self.sigma > 0).all():
            raise CoordinationError("forecasts are finite with sigma > 0")
        if (np.diff(self.quantiles, axis=1) < 0).any():
            raise CoordinationError("forecast quantiles cross")
        for column in (*vectors, self.quantiles):
            column.setflags(write=False)
