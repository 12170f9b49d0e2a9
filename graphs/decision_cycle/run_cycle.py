"""Claim, look, run, close: the one way to run a cycle, for history and present."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

from graphs.checkpoints import open_saver
from graphs.decision_cycle.graph import CycleGraph, build_graph
from graphs.decision_cycle.nodes import NODES, Node
from graphs.decision_cycle.recovering import GivenUp
from graphs.decision_cycle.retrying import Sleep
from graphs.decision_cycle.timed_judges import TimedJudges
from tradeops.domain.claims import Claim, ClaimRequest, Owner
from tradeops.domain.decisions import CycleRequest, Outcome
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import content_hash, derive_cycle_id
from tradeops.domain.lifecycle import CycleState
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.services.cycle.pending_values import PendingValues
from tradeops.services.cycle.record_decision import record_undecided
from tradeops.services.cycle.route_orders import route_recorded_orders
from tradeops.services.cycle.single_thread import require_single_thread
from tradeops.services.cycle.state import CycleContext, CyclePorts, CycleProgress
from tradeops.telemetry import CYCLES, bind_cycle

Durability = Literal["exit", "sync"]
Entry = Literal["new", "unfinished", "finished"]
RENEW_SECONDS = 5.0
RECURSION_LIMIT = 50
FIRST_EPOCH = 1
AGENT_SECONDS = 5.0


class DecisionCycleRunner:
    """Runs cycles one after another on one event loop; one thread, one process.

    Args:
        owner: This process.
        checkpoints: URL of the checkpoint store; None keeps none.
        durability: `exit` when every node is deterministic, `sync` when a killed cycle must go on
            where it stopped.
        nodes: The functions behind the nodes.
        sleep: How a node waits before it is tried again.
        agent_seconds: How long an agent may take; a later answer is an abstention.
    """

    def __init__(  # noqa: PLR0913 - what a runner is made of, by keyword
        self,
        ports: CyclePorts,
        *,
        owner: Owner,
        checkpoints: str | None = None,
        durability: Durability = "exit",
        nodes: Mapping[str, Node] = NODES,
        sleep: Sleep = asyncio.sleep,
        agent_seconds: float = AGENT_SECONDS,
    ) -> None:
        if durability not in ("exit", "sync"):
            raise ConfigurationError(f"durability {durability!r} is neither exit nor sync")
        self._ports = ports
        self._owner = owner
        self._checkpoints = checkpoints
        self._durability = durability
        self._nodes = nodes
        self._sleep = sleep
        self._judges = TimedJudges(agent_seconds)
        self._stack = AsyncExitStack()
        self._loop = asyncio.Runner()
        self._graph: CycleGraph | None = None

    def __enter__(self) -> Self:
        require_single_thread()
        self._loop.__enter__()
        self._graph = self._loop.run(self._open_graph())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._stack.aclose())
        self._loop.__exit__(kind, error, trace)
        self._judges.close()

    def run_cycle(self, request: CycleRequest, ports: CyclePorts | None = None) -> CycleOutcome:
        """Run one cycle to its end; harmless when repeated.

        Args:
            request: Which decision.
            ports: Others than the runner's own, for a replay.
        """
        ports = ports or self._ports
        started = ports.clock.monotonic()
        claim = ports.ledger.claim_cycle(self._ask(request, ports))
        context = self._open_context(ports, request, claim, started)
        with bind_cycle(cycle_id=claim.cycle_id, bundle_id=claim.bundle, run=claim.book_id.run):
            if claim.state is not CycleState.CLOSED:
                self._finish(context)
            outcome = replace(_describe_outcome(context), hung_agents=self._judges.list_hung())
            level = logging.INFO if ports is self._ports else logging.DEBUG
            CYCLES.log(level, "session %s: %s, %d orders", outcome.session, outcome.status, outcome.orders)
            return outcome

    def _open_context(self, ports: CyclePorts, request: CycleRequest, claim: Claim, started: float) -> CycleContext:
        # A replay takes what was late from the record, and is itself never in a hurry.
        judges = self._judges if ports is self._ports else None
        if self._durability == "sync":  # a checkpoint may name a value at any time
            return CycleContext(ports=ports, request=request, claim=claim, started=started, judges=judges)
        values = PendingValues(ports.values)
        return CycleContext(
            ports=replace(ports, values=values),
            request=request,
            claim=claim,
            started=started,
            judges=judges,
            make_durable=values.store,
        )

    def _finish(self, context: CycleContext) -> None:
        if context.claim.state is CycleState.DECIDED:
            route_recorded_orders(context)
        elif context.request.next_session is None:
            record_undecided(Outcome.FINAL_SESSION, context)
        elif context.request.superseded:
            record_undecided(Outcome.SKIPPED, context)
        else:
            self._loop.run(self._run_graph(context))
        context.ports.ledger.close_cycle(context.claim)

    async def _open_graph(self) -> CycleGraph:
        saver = await self._stack.enter_async_context(open_saver(self._checkpoints))
        return build_graph(saver, nodes=self._nodes, sleep=self._sleep)

    async def _run_graph(self, context: CycleContext) -> None:
        graph, claim = self._graph, context.claim
        if graph is None:
            raise ConfigurationError("open the runner with `with` before running a cycle")
        config = RunnableConfig(configurable={"thread_id": claim.cycle_id}, recursion_limit=RECURSION_LIMIT)
        failed: BaseException | None = None
        renewal = asyncio.create_task(_renew_claim(context))
        try:
            first = await self._find_entry(graph, config, claim.epoch)
            if first != "finished":
                await graph.ainvoke(
                    CycleProgress(plan=[]) if first == "new" else None,
                    config,
                    context=context,
                    durability=self._durability if self._checkpoints else None,
                )
        except GivenUp as given_up:
            failed = given_up.__cause__
        finally:
            renewal.cancel()
        if failed is not None:
            raise failed

    async def _find_entry(self, graph: CycleGraph, config: RunnableConfig, epoch: int) -> Entry:
        if self._checkpoints is None or epoch == FIRST_EPOCH:
            return "new"  # nobody ran it before, so there is nothing to look for
        if self._durability == "exit":
            # Its values were in a memory that is gone; from the start it takes milliseconds.
            await cast("BaseCheckpointSaver[str]", graph.checkpointer).adelete_thread(
                config["configurable"]["thread_id"]
            )
            return "new"
        snapshot: Any = await graph.aget_state(config)
        if snapshot.created_at is None:
            return "new"
        # Not `next`, which leaves out a node whose writes are stored and not yet applied.
        return "unfinished" if snapshot.tasks else "finished"

    def _ask(self, request: CycleRequest, ports: CyclePorts) -> ClaimRequest:
        universe = content_hash(ports.policy.universe)
        bundle = ports.bundle.bundle_id
        return ClaimRequest(
            cycle_id=derive_cycle_id(request.book_id, universe_version=universe, bundle=bundle, as_of=request.as_of),
            book_id=request.book_id,
            session=request.session,
            as_of=request.as_of,
            bundle=bundle,
            universe_version=universe,
            owner=self._owner,
        )


async def _renew_claim(context: CycleContext) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        context.ports.ledger.renew_claim(context.claim)


def _describe_outcome(context: CycleContext) -> CycleOutcome:
    claim: Claim = context.claim
    decision = context.ports.ledger.get_decision(claim.cycle_id).decision
    return CycleOutcome(
        cycle_id=claim.cycle_id,
        session=claim.session,
        status=decision.outcome,
        orders=len(decision.orders),
        already_decided=claim.state is not CycleState.CLAIMED,
    )
