"""The trained blend: five boosters turn opinions and features into one distribution an instrument."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from tradeops.coordination.blend import compute_horizon_volatility
from tradeops.coordination.booster_prediction import Booster
from tradeops.coordination.quantile_distribution import compute_mean, compute_probability_positive
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import CoordinationError, CorruptInput
from tradeops.domain.forecasts import QUANTILE_LEVELS, Forecasts
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.opinions import Opinions
from tradeops.domain.policy import TradingPolicy

KIND = "blender/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlenderInputs:
    """The columns of a row, in order: a score an agent, then features of the view."""

    agents: tuple[AgentId, ...]
    features: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """F names."""
        return (*(f"score_{agent}" for agent in self.agents), *self.features)

    def stack(self, opinions: Sequence[Opinions], view: MarketView) -> FloatArray:
        """(N, F) inputs of the view's instruments; NaN where an agent abstains or a feature is not known.

        Raises:
            CoordinationError: An agent was not heard or judged other instruments, or the view lacks a feature.
        """
        heard = {given.agent: given.score for given in opinions if given.instruments == view.instruments}
        lacking = [*(set(self.agents) - set(heard)), *(set(self.features) - set(view.features))]
        if lacking:
            raise CoordinationError(f"the blender needs {', '.join(sorted(lacking))}, which this cycle does not have")
        return np.column_stack(
            [*(heard[agent] for agent in self.agents), *(view.features[name] for name in self.features)]
        )

    def find_heard(self, rows: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(N,) True where at least one agent spoke."""
        return cast("np.ndarray[tuple[int], np.dtype[np.bool_]]", np.isfinite(rows[:, : len(self.agents)]).any(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlender:
    """What a training leaves behind.

    Args:
        inputs: Columns of a row.
        boosters: Model texts, one a level of `QUANTILE_LEVELS`, for the outcome in standard deviations.
    """

    inputs: BlenderInputs
    boosters: tuple[str, ...]

    def encode(self) -> bytes:
        """Canonical bytes, for the value store."""
        return encode_canonical(
            {"kind": KIND, "inputs": self.inputs, "levels": QUANTILE_LEVELS, "boosters": self.boosters}
        )


def decode_blender(data: bytes) -> StoredBlender:
    """What `StoredBlender.encode` wrote.

    Raises:
        CorruptInput: The bytes are no blender of this kind and these levels.
    """
    try:
        stored = json.loads(data)
        inputs = cast("Mapping[str, Sequence[str]]", stored["inputs"])
        blender = StoredBlender(
            inputs=BlenderInputs(
                agents=tuple(AgentId(name) for name in inputs["agents"]), features=tuple(inputs["features"])
            ),
            boosters=tuple(str(text) for text in stored["boosters"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptInput(f"stored blender cannot be read: {error}") from error
    if blender.encode() != data:
        raise CorruptInput(f"stored blender is not of the form {KIND}")
    return blender


class BoostedBlend:
    """`BlendModel` of a stored blender; belongs to one thread of one process.

    Raises:
        CorruptInput: A booster cannot be read, or there is not one a level.
    """

    def __init__(self, stored: StoredBlender) -> None:
        if len(stored.boosters) != len(QUANTILE_LEVELS):
            raise CorruptInput(f"blender has {len(stored.boosters)} boosters for {len(QUANTILE_LEVELS)} levels")
        self.inputs = stored.inputs
        self._boosters = [Booster(text, len(self.inputs.names)) for text in stored.boosters]

    def forecast(
        self, opinions: Sequence[Opinions], view: MarketView, learner: LearnerState, policy: TradingPolicy
    ) -> Forecasts | None:
        """Forecast each instrument that an agent of the model spoke about and whose price varied.

        `mean` is that of the quantiles' distribution and `score = mean / (information·sigma)`, held to
        [-1, 1]. The learner's residuals are the prior blend's and are not read.

        Raises:
            CoordinationError: An agent or a feature of the model is missing.
            DataError: The view is shorter than the volatility window.
        """
        rows, sigma = self.inputs.stack(opinions, view), compute_horizon_volatility(view, policy.blend)
        return self.build_forecasts(view.instruments, rows, sigma, policy.blend.information)

    def build_forecasts(
        self, instruments: tuple[InstrumentId, ...], rows: FloatArray, sigma: FloatArray, information: float
    ) -> Forecasts | None:
        """Forecasts of N names from their (N, F) inputs and (N,) deviations over the horizon; see `forecast`."""
        usable = self.inputs.find_heard(rows) & (sigma > 0)
        if not usable.any():
            return None
        if not usable.all():
            instruments = tuple(n for n, keep in zip(instruments, usable.tolist(), strict=True) if keep)
            rows, sigma = rows[usable], sigma[usable]
        spread = self.predict(rows)
        mean = compute_mean(spread)
        return Forecasts(
            instruments=instruments,
            score=np.clip(mean / information, -1.0, 1.0),
            mean=mean * sigma,
            sigma=sigma,
            quantiles=spread * sigma[:, None],
            probability_up=compute_probability_positive(spread),
        )

    def predict(self, rows: FloatArray) -> FloatArray:
        """(M, 5) quantiles of outcome / sigma, rearranged to ascend (Chernozhukov et al. 2010)."""
        return np.sort(np.column_stack([booster.predict(rows) for booster in self._boosters]), axis=1)
