"""The order in which a decision is made."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy, Send

from graphs.decision_cycle.nodes import NODES, Node
from tradeops.domain.errors import TradeOpsError
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


def is_retryable(error: Exception) -> bool:
    """Only errors that say so are tried again inside the graph."""
    return isinstance(error, TradeOpsError) and error.retryable


RETRY = RetryPolicy(
    initial_interval=1.0,
    backoff_factor=2.0,
    max_interval=60.0,
    max_attempts=3,
    jitter=True,
    retry_on=is_retryable,
)


def send_to_agents(state: CycleProgress) -> list[Send]:
    """Fan out: one message an agent."""
    return [Send("consult_agent", message) for message in list_consultations(state)]


def route_forecast(state: CycleProgress) -> Literal["select_slate", "record_decision"]:
    """Nobody spoke: hold the book and record that."""
    return "record_decision" if state["forecasts"] is None else "select_slate"


def build_graph(saver: BaseCheckpointSaver[str] | None = None, *, nodes: Mapping[str, Node] = NODES) -> CycleGraph:
    """Compile the decision cycle.

    Args:
        saver: Where checkpoints go; None keeps none.
        nodes: The functions behind the names; tests wrap them.
    """
    graph = StateGraph(CycleProgress, context_schema=CycleContext)
    graph.set_node_defaults(retry_policy=RETRY)
    for name, node in nodes.items():
        graph.add_node(name, cast("Any", node))
    graph.add_edge(START, "load_view")
    graph.add_edge("load_view", "plan_agents")
    graph.add_conditional_edges("plan_agents", send_to_agents, ["consult_agent"])
    graph.add_edge("consult_agent", "review_opinions")
    graph.add_edge("review_opinions", "blend_opinions")
    graph.add_conditional_edges("blend_opinions", route_forecast)
    for before, after in pairwise(AFTER_FORECAST):
        graph.add_edge(before, after)
    graph.add_edge("route_orders", END)
    return graph.compile(checkpointer=saver, name="decision_cycle")
