"""The order in which a decision is made."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from graphs.decision_cycle.nodes import NODES, Node
from graphs.decision_cycle.recovering import RECOVER, catch, recover
from graphs.decision_cycle.retrying import Sleep, try_again
from tradeops.services.cycle.plan_agents import list_consultations
from tradeops.services.cycle.state import CycleContext, CycleProgress

CycleGraph = CompiledStateGraph[CycleProgress, CycleContext, Any, Any]

AFTER_FORECAST = (
    "select_slate",
    "build_opportunities",
    "size_positions",
    "check_risk",
    "record_decision",
    "route_orders",
)


def send_to_agents(state: CycleProgress) -> list[Send]:
    """Fan out: one message an agent."""
    return [Send("consult_agent", message) for message in list_consultations(state)]


def route_forecast(state: CycleProgress) -> Literal["select_slate", "record_decision"]:
    """Nobody spoke: hold the book and record that."""
    return "record_decision" if state["forecasts"] is None else "select_slate"


def route_review(state: CycleProgress) -> Literal["blend_opinions", "recover"]:
    """A consultation that failed is no abstention."""
    return "recover" if state.get("failed") else "blend_opinions"


def build_graph(
    saver: BaseCheckpointSaver[str] | None = None,
    *,
    nodes: Mapping[str, Node] = NODES,
    sleep: Sleep = asyncio.sleep,
) -> CycleGraph:
    """Compile the decision cycle.

    Args:
        saver: Where checkpoints go; None keeps none.
        nodes: The functions behind the names; tests wrap them.
        sleep: How a node waits before it is tried again.
    """
    graph = StateGraph(CycleProgress, context_schema=CycleContext)
    for name, node in nodes.items():
        graph.add_node(name, cast("Any", try_again(name, node, sleep)), error_handler=cast("Any", catch))
    graph.add_node(RECOVER, recover)
    graph.add_edge(START, "load_view")
    graph.add_edge("load_view", "plan_agents")
    graph.add_conditional_edges("plan_agents", send_to_agents, ["consult_agent"])
    graph.add_edge("consult_agent", "review_opinions")
    graph.add_conditional_edges("review_opinions", route_review)
    graph.add_conditional_edges("blend_opinions", route_forecast)
    for before, after in pairwise(AFTER_FORECAST):
        graph.add_edge(before, after)
    graph.add_edge("route_orders", END)
    return graph.compile(checkpointer=saver, name="decision_cycle")
