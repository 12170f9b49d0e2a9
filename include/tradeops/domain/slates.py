"""Which names were chosen, and with which probability each could have been."""

import math
from dataclasses import dataclass

from tradeops.domain.errors import CoordinationError
from tradeops.domain.identifiers import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class SlateDraw:
    """One of the K sequential draws.

    Args:
        candidates: What was left to choose from, in candidate order.
        gains: Marginal gain of each candidate, given what was drawn before.
        probabilities: Exact probability of each candidate; sums to 1.
        uniform: The random number in [0, 1) that decided.
        chosen: The candidate drawn.
    """

    candidates: tuple[InstrumentId, ...]
    gains: tuple[float, ...]
    probabilities: tuple[float, ...]
    uniform: float
    chosen: InstrumentId

    def __post_init__(self) -> None:
        if not len(self.candidates) == len(self.gains) == len(self.probabilities):
            raise CoordinationError("a draw names a gain and a probability for each candidate")
        if self.chosen not in self.candidates or not math.isclose(math.fsum(self.probabilities), 1.0, abs_tol=1e-12):
            raise CoordinationError("a draw chooses one candidate from probabilities that sum to 1")

    @property
    def propensity(self) -> float:
        """Probability with which the chosen candidate was drawn at this step."""
        return self.probabilities[self.candidates.index(self.chosen)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slate:
    """The chosen names in the order drawn, out of a candidate set fixed before the first draw."""

    candidates: tuple[InstrumentId, ...]
    draws: tuple[SlateDraw, ...]

    @property
    def chosen(self) -> tuple[InstrumentId, ...]:
        """The chosen instruments, in the order drawn."""
        return tuple(draw.chosen for draw in self.draws)
