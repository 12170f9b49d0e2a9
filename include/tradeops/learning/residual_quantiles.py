"""The shape of what the blend gets wrong: quantiles of standardised residuals of matured outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tradeops.domain.columnar import decode_columns, encode_columns
from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import QUANTILE_LEVELS, Forecasts
from tradeops.domain.identifiers import InstrumentId, ValueRef
from tradeops.domain.learners import RESIDUAL_QUANTILES, LearnerState
from tradeops.domain.market import FloatArray
from tradeops.domain.policy import BlendPolicy

VERSION = 1
PARAMETER_NAMES = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)
_KIND = "residual_samples/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResidualUpdate:
    """A new state and the samples it is made of, to be stored before it.

    Args:
        matured: Outcomes seen in all, these included.
        samples: (S,) latest residuals, oldest first, S ≤ `residual_window`.
        parameters: Quantiles by name.
    """

    matured: int
    samples: FloatArray
    parameters: Mapping[str, float]

    def encode_samples(self) -> bytes:
        """Bytes of the samples, for the value store."""
        return encode_columns({"kind": _KIND}, {"residual": self.samples})

    def to_state(self, samples: ValueRef) -> LearnerState:
        """The new state, naming where its samples are stored."""
        return LearnerState(
            learner=RESIDUAL_QUANTILES,
            version=VERSION,
            matured=self.matured,
            parameters=self.parameters,
            samples=samples,
        )


def start_residual_quantiles() -> LearnerState:
    """The state before anything matured: quantiles of the standard normal distribution."""
    return LearnerState(
        learner=RESIDUAL_QUANTILES, version=VERSION, matured=0, parameters=normal_quantiles(), samples=None
    )


def normal_quantiles() -> dict[str, float]:
    """Standard normal quantiles at `QUANTILE_LEVELS`, by parameter name."""
    normal = NormalDist()
    return {name: normal.inv_cdf(level) for name, level in zip(PARAMETER_NAMES, QUANTILE_LEVELS, strict=True)}


def standardise_residuals(forecasts: Forecasts, realised: Mapping[InstrumentId, float]) -> FloatArray:
    """Residuals `(realised − mean) / sigma` of the names with an outcome, ascending by name.

    Args:
        forecasts: Of one decision.
        realised: Total return over the horizon, as a fraction; a name without one is censored.
    """
    residuals = [
        (realised[name] - mean) / sigma
        for name, mean, sigma in zip(forecasts.instruments, forecasts.mean, forecasts.sigma, strict=True)
        if name in realised
    ]
    return np.array(residuals, dtype=np.float64)


def decode_samples(data: bytes) -> FloatArray:
    """(S,) residuals, oldest first, that `ResidualUpdate.encode_samples` wrote."""
    header, columns = decode_columns(data)
    if header.get("kind") != _KIND:
        raise LearningError(f"stored value is a {header.get('kind')}, not {_KIND}")
    return columns["residual"]


def extend_residuals(
    before: LearnerState, samples: FloatArray, matured: FloatArray, policy: BlendPolicy
) -> ResidualUpdate:
    """Add matured residuals; empirical quantiles (linear between order statistics) once there are enough.

    Args:
        before: The state in force.
        samples: (S,) its residuals, oldest first.
        matured: (M,) new ones, M > 0.
        policy: `residual_window` latest are kept; normal quantiles until `residual_minimum` matured.

    Raises:
        LearningError: Nothing matured, or a residual is not finite.
    """
    if matured.size == 0 or not np.isfinite(matured).all():
        raise LearningError("a new state needs finite matured residuals")
    kept = np.concatenate([samples, matured])[-policy.residual_window :]
    count = before.matured + int(matured.size)
    parameters = normal_quantiles()
    if count >= policy.residual_minimum:
        values = np.quantile(kept, QUANTILE_LEVELS, method="linear")
        parameters = {name: float(value) for name, value in zip(PARAMETER_NAMES, values, strict=True)}
    return ResidualUpdate(matured=count, samples=kept, parameters=parameters)
