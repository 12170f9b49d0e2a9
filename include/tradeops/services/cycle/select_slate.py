"""Which names compete for capital in this cycle."""

from tradeops.coordination.slate import select_slate as select
from tradeops.domain.canonical import encode_canonical
from tradeops.services.cycle.found import find_forecasts, find_inputs, find_view
from tradeops.services.cycle.state import CycleContext, CycleProgress


def select_slate(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Draw the slate; every probability is kept."""
    slate = select(
        cycle_id=context.claim.cycle_id,
        forecasts=find_forecasts(state, context),
        view=find_view(state, context),
        state=find_inputs(state).state,
        policy=context.ports.policy,
    )
    return {"slate": context.ports.values.put(encode_canonical(slate))}
