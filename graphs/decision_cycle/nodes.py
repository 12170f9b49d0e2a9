"""One line a node: each calls the step of the same name."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from tradeops.services.cycle.blend_opinions import blend_opinions
from tradeops.services.cycle.build_opportunities import build_opportunities
from tradeops.services.cycle.check_risk import check_risk
from tradeops.services.cycle.consult_agent import abstain_late, consult_agent, find_question, judge, store_opinions
from tradeops.services.cycle.load_view import load_view
from tradeops.services.cycle.plan_agents import plan_agents
from tradeops.services.cycle.record_decision import record_decision
from tradeops.services.cycle.review_opinions import review_opinions
from tradeops.services.cycle.route_orders import route_orders
from tradeops.services.cycle.select_slate import select_slate
from tradeops.services.cycle.size_positions import size_positions
from tradeops.services.cycle.state import Consultation, CycleContext, CycleProgress

Step = Callable[[Any, CycleContext], CycleProgress]
Node = Callable[[Any, Runtime[CycleContext]], Awaitable[CycleProgress]]


def make_node(step: Step) -> Node:
    """A node that runs the step on the loop's thread, where the ledger was opened."""

    async def node(state: Any, runtime: Runtime[CycleContext]) -> CycleProgress:
        return step(state, runtime.context)

    return node


async def consult_in_time(message: Consultation, runtime: Runtime[CycleContext]) -> CycleProgress:
    """Ask an agent on a thread of its own; one that is late abstains, whatever it says later."""
    context = runtime.context
    if context.judges is None:
        return consult_agent(message, context)
    agent, view = find_question(message, context)
    said = await context.judges.ask(agent.specification.agent, partial(judge, agent, view))
    return store_opinions(abstain_late(agent, view) if said is None else said, context)


NODES: Mapping[str, Node] = {
    "load_view": make_node(load_view),
    "plan_agents": make_node(plan_agents),
    "consult_agent": consult_in_time,
    "review_opinions": make_node(review_opinions),
    "blend_opinions": make_node(blend_opinions),
    "select_slate": make_node(select_slate),
    "build_opportunities": make_node(build_opportunities),
    "size_positions": make_node(size_positions),
    "check_risk": make_node(check_risk),
    "record_decision": make_node(record_decision),
    "route_orders": make_node(route_orders),
}
