"""How much of each name the book should hold."""

from tradeops.domain.canonical import encode_canonical
from tradeops.risk.sizing import size_positions as size
from tradeops.services.cycle.found import find_inputs, find_opportunities, find_slate, find_view
from tradeops.services.cycle.state import CycleContext, CycleProgress


def size_positions(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Targets for slate and held names, and the orders that would reach them."""
    sized = size(
        cycle_id=context.claim.cycle_id,
        opportunities=find_opportunities(state),
        slate=find_slate(state, context),
        view=find_view(state, context),
        state=find_inputs(state).state,
        policy=context.ports.policy,
    )
    return {
        "targets": encode_canonical(sized.targets).decode(),
        "intents": encode_canonical(sized.intents).decode(),
    }
