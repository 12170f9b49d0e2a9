"""Nobody who was asked may be missing, and nobody else may speak."""

from tradeops.domain.errors import CoordinationError
from tradeops.services.cycle.state import CycleContext, CycleProgress


def review_opinions(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Check that the opinions are exactly those that were asked for; not when a consultation failed."""
    if state.get("failed"):
        return {}
    asked, answered = state["plan"], sorted(state["opinions"])
    if asked != answered:
        raise CoordinationError(
            f"asked {asked} and heard {answered}; every agent answers or abstains",
            asked=asked,
            answered=answered,
        )
    return {}
