"""What follows when a node has failed for good: `recover` holds the book, or tells a person and gives up."""

from typing import Any, Final

from langgraph.errors import NodeError
from langgraph.graph import END
from langgraph.runtime import Runtime
from langgraph.types import Command

from tradeops.services.cycle.recover import recover_cycle
from tradeops.services.cycle.state import CycleContext, CycleProgress, NodeFailure

RECOVER: Final = "recover"
# Where a later attempt takes up again what failed; an agent is asked by the step before it.
_RESUMED_AT: Final = {"consult_agent": "plan_agents"}
# The other agents go on to the review whatever one of them does, and it sees that one has failed.
_AFTER_FAILURE: Final = {"consult_agent": "review_opinions"}


class GivenUp(Exception):
    """A cycle ends without an answer; its cause is the error of the node that failed.

    The graph lets a handled error out only as the cause of another one.
    """


def find_next(failed: str) -> str:
    """Where the cycle goes from a node that failed for good."""
    return _AFTER_FAILURE.get(failed, RECOVER)


async def catch(state: Any, error: NodeError, runtime: Runtime[CycleContext]) -> Command[str]:
    """Note the failure of a node and go on to `recover`; nothing is decided here."""
    context = runtime.context
    attempts = context.attempts.get(error.node, 1)
    context.failures.append(NodeFailure(node=error.node, error=error.error, attempts=attempts))
    return Command(update=CycleProgress(failed=error.node), goto=find_next(error.node))


async def recover(state: CycleProgress, runtime: Runtime[CycleContext]) -> Command[str]:
    """Hold the book, or tell a person and give up; an attempt after that goes on at the node that failed.

    Raises:
        GivenUp: There is no answer.
    """
    context = runtime.context
    if not context.failures:
        failed = state["failed"]
        return Command(update=CycleProgress(failed=""), goto=_RESUMED_AT.get(failed, failed))
    failure = context.failures[0]
    if recover_cycle(failure, context):
        return Command(goto=END)
    raise GivenUp(f"{failure.node} failed") from failure.error
