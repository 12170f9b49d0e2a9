"""What each chosen name is expected to earn after costs."""

from tradeops.coordination.opportunities import build_opportunities as build
from tradeops.domain.canonical import encode_canonical
from tradeops.services.cycle.found import find_forecasts, find_inputs, find_slate, find_view
from tradeops.services.cycle.state import CycleContext, CycleProgress


def build_opportunities(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """One opportunity a chosen name."""
    opportunities = build(
        slate=find_slate(state, context),
        forecasts=find_forecasts(state, context),
        view=find_view(state, context),
        state=find_inputs(state).state,
        policy=context.ports.policy,
    )
    return {"opportunities": encode_canonical(opportunities).decode()}
