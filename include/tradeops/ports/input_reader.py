"""What a cycle reads before it decides: observed now, or as once recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tradeops.domain.claims import Claim
from tradeops.domain.decisions import BookState, CycleRequest
from tradeops.domain.identifiers import LearnerStateId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInputs:
    """Everything a cycle may know.

    Args:
        view: Of the market.
        state: Of the book.
        learner_states: Ids of the learner states in force, by learner.
    """

    view: MarketView
    state: BookState
    learner_states: Mapping[str, LearnerStateId]


class InputReader(Protocol):
    """Where the inputs of a cycle come from."""

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        """Inputs as of `request.as_of` and the claim's watermark."""
        ...

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        """A learner state by id."""
        ...
