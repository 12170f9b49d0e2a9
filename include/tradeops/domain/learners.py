"""Immutable states of what learns between cycles."""

from collections.abc import Mapping
from dataclasses import dataclass

from tradeops.domain.identifiers import LearnerStateId, ValueRef, content_hash

RESIDUAL_QUANTILES = "residual_quantiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerState:
    """What a learner knows after some session; a later state is a new one.

    Args:
        learner: Its name.
        version: Of the learner's method.
        matured: Outcomes seen in all.
        parameters: What a cycle uses, by name.
        samples: Where the outcomes that it is made of are stored; None before the first.
    """

    learner: str
    version: int
    matured: int
    parameters: Mapping[str, float]
    samples: ValueRef | None

    @property
    def state_id(self) -> LearnerStateId:
        """Hash over everything in it."""
        return LearnerStateId(content_hash(self))
