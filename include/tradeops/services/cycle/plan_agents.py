"""Who is asked."""

from tradeops.services.cycle.found import find_inputs
from tradeops.services.cycle.state import Consultation, CycleContext, CycleProgress


def plan_agents(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """All agents of the roster, ascending."""
    return {"plan": sorted(agent.specification.agent for agent in context.ports.roster)}


def list_consultations(state: CycleProgress) -> list[Consultation]:
    """One message an agent, the whole universe in it by reference."""
    view = find_inputs(state).view
    return [Consultation(agent=agent, view=view) for agent in state["plan"]]
