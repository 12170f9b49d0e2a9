"""What an agent says: a score with confidence per instrument, or a reason for saying nothing."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import AgentError
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.market import FloatArray


class Abstention(IntEnum):
    """Why an agent says nothing about an instrument; `NONE` marks an opinion."""

    NONE = 0
    TOO_LITTLE_HISTORY = 1
    NOT_KNOWN_YET = 2
    STALE_INPUT = 3
    NO_VARIATION = 4
    AGENT_FAILED = 5
    NO_SIGNAL = 6
    TIMED_OUT = 7


class OpinionTarget(StrEnum):
    """What an agent's score predicts; only `RETURN` enters the blend."""

    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpecification:
    """What is fixed about an agent.

    Args:
        agent: Its identifier.
        version: Raised when its judgement changes.
        target: What its score predicts.
        horizon: Sessions; scales only its own decay.
        features: All that it reads; it cannot read another.
    """

    agent: AgentId
    version: int
    target: OpinionTarget
    horizon: int
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opinions:
    """One agent's judgement of the whole universe.

    Args:
        agent: Who judged.
        instruments: N identifiers, ascending.
        score: (N,) float64 in [-1, 1]; NaN where it abstains.
        confidence: (N,) float64 in [0, 1], P(sign of score is right) = (1 + confidence) / 2; NaN
            where it abstains.
        abstention: (N,) int8 of `Abstention`.
    """

    agent: AgentId
    instruments: tuple[InstrumentId, ...]
    score: FloatArray
    confidence: FloatArray
    abstention: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        shape = (len(self.instruments),)
        if not self.score.shape == self.confidence.shape == self.abstention.shape == shape:
            raise AgentError(f"{self.agent} must judge all {shape[0]} instruments")
        spoke = self.spoke
        if np.isfinite(self.score[~spoke]).any() or np.isfinite(self.confidence[~spoke]).any():
            raise AgentError(f"{self.agent} gave a score where it abstains")
        with np.errstate(invalid="ignore"):
            bounded = (np.abs(self.score[spoke]) <= 1) & (self.confidence[spoke] >= 0)
            bounded &= self.confidence[spoke] <= 1
        if not bounded.all():
            raise AgentError(f"{self.agent} left score in [-1, 1] or confidence in [0, 1]")
        for column in (self.score, self.confidence, self.abstention):
            column.setflags(write=False)

    @property
    def spoke(self) -> npt.NDArray[np.bool_]:
        """(N,) True where the agent gave an opinion."""
        return np.equal(self.abstention, int(Abstention.NONE))


def abstain_everywhere(agent: AgentId, instruments: tuple[InstrumentId, ...], reason: Abstention) -> Opinions:
    """The opinion of an agent that says nothing about anything, with its reason."""
    count = len(instruments)
    return Opinions(
        agent=agent,
        instruments=instruments,
        score=np.full(count, np.nan),
        confidence=np.full(count, np.nan),
        abstention=np.full(count, int(reason), dtype=np.int8),
    )
