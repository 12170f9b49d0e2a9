"""How an agent is built: a frozen specification and a pure score of the features that it declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import AgentError
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.opinions import Abstention, AgentSpecification, Opinions
from tradeops.features.declarations import FEATURES

Features = Mapping[str, FloatArray]

# An assumption until outcomes tell the agents apart: the sign is right in 52.5 % of the cases.
PRIOR_CONFIDENCE = 0.05

_MISSING = {declared.name: declared.missing for declared in FEATURES}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessment:
    """What an agent says about K cases; columns as in `Opinions`, each of shape (K,)."""

    score: FloatArray
    confidence: FloatArray
    abstention: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureAgent:
    """Judges elementwise from features: a case's opinion depends on nothing beside it.

    Args:
        specification: What is fixed; `features` names all that `score` can read.
        score: (K,) float64 in [-1, 1] from the declared features; NaN where they do not vary.
        confidence: The same for every opinion; an assumption.
        smallest_score: Signals below it cancel.
    """

    specification: AgentSpecification
    score: Callable[[Features], FloatArray]
    confidence: float = PRIOR_CONFIDENCE
    smallest_score: float = 0.05

    def assess(self, features: Features) -> Assessment:
        """Judge K cases at once: the names of a view, or sessions × names of a history.

        Args:
            features: (K,) float64 by name; others than the declared ones are not looked at.

        Returns:
            An abstention where a declared feature could not be known (with that feature's reason, the
            first declared one's if several), where the score is NaN, or where it is too small.

        Raises:
            AgentError: A declared feature is not there, or `score` asked for an undeclared one.
        """
        declared = self._declared(features)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            score = self.score(declared)
            abstention = self._find_abstentions(declared, score)
        spoke = abstention == int(Abstention.NONE)
        return Assessment(
            score=np.where(spoke, score, np.nan),
            confidence=np.where(spoke, self.confidence, np.nan),
            abstention=abstention,
        )

    def judge(self, view: MarketView) -> Opinions:
        """Judge every instrument of a view from its features.

        Raises:
            AgentError: The view does not hold a declared feature.
        """
        found = self.assess(view.features)
        return Opinions(
            agent=self.specification.agent,
            instruments=view.instruments,
            score=found.score,
            confidence=found.confidence,
            abstention=found.abstention,
        )

    def _declared(self, features: Features) -> "_DeclaredFeatures":
        missing = [name for name in self.specification.features if name not in features]
        if missing:
            raise AgentError(f"{self.specification.agent} needs {', '.join(missing)}; build those features first")
        return _DeclaredFeatures((name, features[name]) for name in self.specification.features)

    def _find_abstentions(self, features: Features, score: FloatArray) -> npt.NDArray[np.int8]:
        reasons = [(np.isnan(values), _MISSING[name]) for name, values in features.items()]
        reasons += [
            (np.isnan(score), Abstention.NO_VARIATION),
            (np.abs(score) < self.smallest_score, Abstention.NO_SIGNAL),
        ]
        codes = np.select([holds for holds, _ in reasons], [int(reason) for _, reason in reasons], default=0)
        return codes.astype(np.int8)


class _DeclaredFeatures(dict[str, FloatArray]):
    """An agent cannot read what it did not declare."""

    def __missing__(self, name: str) -> NoReturn:
        raise AgentError(f"feature {name!r} is not declared; declared are {', '.join(self)}", feature=name)


def squash(z: FloatArray) -> FloatArray:
    """`z / √(1 + z²)`: a move in its own standard deviations becomes a score in (-1, 1)."""
    squashed: FloatArray = z / np.sqrt(1.0 + z * z)
    return squashed
