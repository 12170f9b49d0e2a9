"""Who is asked."""

from tradeops.domain.decisions import CycleInputs
from tradeops.domain.decoding import decode_canonical
from tradeops.services.cycle.state import Consultation, CycleContext, CycleProgress


def plan_agents(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """All agents of the roster, ascending."""
    return {"plan": sorted(agent.specification.agent for agent in context.ports.roster)}


def list_consultations(state: CycleProgress) -> list[Consultation]:
    """One message an agent, the whole universe in it by reference."""
    view = decode_canonical(CycleInputs, state["inputs"]).view
    return [Consultation(agent=agent, view=view) for agent in state["plan"]]
