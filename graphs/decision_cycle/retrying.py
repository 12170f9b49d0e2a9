"""Tries a node again that failed for now; the only place of a cycle that waits for something to come back."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.runtime import Runtime

from graphs.decision_cycle.nodes import Node
from tradeops.coordination.draws import draw_uniform
from tradeops.domain.errors import TradeOpsError
from tradeops.resilience.retries import RetryLimits, is_worth_another_try
from tradeops.services.cycle.recover import has_time_for
from tradeops.services.cycle.state import CycleContext, CycleProgress

Sleep = Callable[[float], Awaitable[None]]

LIMITS = RetryLimits()

_LOG = logging.getLogger("tradeops.cycles")


def try_again(name: str, node: Node, sleep: Sleep, limits: RetryLimits = LIMITS) -> Node:
    """A node that is tried again while its error says that waiting may help.

    LangGraph's own policy adds up to a second to a fixed wait, out of a random source of its own; the
    waits here are drawn from the cycle, its epoch and the node, so that two processes that failed
    together do not come back together and a test sees the same waits each time.
    """

    async def tried(state: Any, runtime: Runtime[CycleContext]) -> CycleProgress:
        failures = 0
        while True:
            try:
                return await node(state, runtime)
            except TradeOpsError as error:
                failures += 1
                context = runtime.context
                context.attempts[name] = failures
                wait = limits.find_wait(failures, _draw(context, name, failures))
                if failures >= limits.attempts or not is_worth_another_try(error) or not has_time_for(wait, context):
                    raise
                _LOG.warning(
                    "%s failed %d times, again in %.1f s: %s: %s", name, failures, wait, type(error).__name__, error
                )
                await sleep(wait)

    return tried


def _draw(context: CycleContext, name: str, failures: int) -> float:
    return draw_uniform(context.claim.cycle_id, f"wait for {name} in epoch {context.claim.epoch}", failures)
