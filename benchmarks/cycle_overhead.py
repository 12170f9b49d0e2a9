"""The decision cycle as a graph beside the same topology with empty nodes and the same SQLite saver.

Values are in memory and the ledger is a stand-in that hashes the record and keeps nothing, so that what
is measured is numeric work, the graph and its checkpoints. A third graph, of nodes that work and return what the
empty ones do, tells how much of the overhead is nobody's state: caches that are cold after the work.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Literal, cast

from agents.agent import FeatureAgent
from agents.roster import AGENTS as ROSTER
from benchmarks.markets import AGENTS, make_policy, make_state, make_view
from benchmarks.measuring import Measured, quantile
from graphs.checkpoints import open_saver
from graphs.decision_cycle.graph import CycleGraph, build_graph
from graphs.decision_cycle.nodes import NODES, Node
from graphs.decision_cycle.run_cycle import AGENT_SECONDS
from graphs.decision_cycle.timed_judges import TimedJudges
from tests.fakes.value_store import InMemoryValueStore
from tradeops.coordination.blend import PriorBlend
from tradeops.domain.bundles import Bundle
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import CycleRequest, DecisionRecord
from tradeops.domain.identifiers import BookId, BundleId, CycleId, LearnerStateId
from tradeops.domain.learners import RESIDUAL_QUANTILES, LearnerState
from tradeops.domain.lifecycle import CycleState, OrderState
from tradeops.domain.market import MarketView
from tradeops.learning.residual_quantiles import start_residual_quantiles
from tradeops.ports.broker import Broker
from tradeops.ports.input_reader import ReadInputs
from tradeops.ports.ledger import CycleLedger
from tradeops.services.cycle.blend_opinions import blend_opinions
from tradeops.services.cycle.build_opportunities import build_opportunities
from tradeops.services.cycle.check_risk import check_risk
from tradeops.services.cycle.consult_agent import consult_agent
from tradeops.services.cycle.load_view import load_view
from tradeops.services.cycle.plan_agents import list_consultations, plan_agents
from tradeops.services.cycle.record_decision import record_decision
from tradeops.services.cycle.review_opinions import review_opinions
from tradeops.services.cycle.route_orders import route_orders
from tradeops.services.cycle.select_slate import select_slate
from tradeops.services.cycle.size_positions import size_positions
from tradeops.services.cycle.state import CycleContext, CyclePorts, CycleProgress

WIDTH = 500
ROUNDS, CALLS = 7, 12
Mode = Literal["exit", "sync"]
Step = Callable[[CycleProgress, CycleContext], CycleProgress]
BEFORE: tuple[Step, ...] = (load_view, plan_agents)
AFTER: tuple[Step, ...] = (
    review_opinions,
    blend_opinions,
    select_slate,
    build_opportunities,
    size_positions,
    check_risk,
    record_decision,
    route_orders,
)


class ForgetfulLedger:
    """Hashes what it is given, and has no orders to route."""

    def record_decision(self, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        """Do the work that a ledger must do at least."""
        if not record.decision.digest or not record.decision.orders:
            raise AssertionError("the cycle decided nothing")

    def orders_in(self, *_: object) -> tuple[()]:
        """None."""
        return ()

    def orders_by_state(self, *_: object) -> dict[OrderState, tuple[()]]:
        """None."""
        return {}


@dataclass(frozen=True)
class KnownInputs:
    """The same view and a flat book in every cycle."""

    view: MarketView
    learner: LearnerState = field(default_factory=start_residual_quantiles)

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        """What a cycle may know."""
        states = {RESIDUAL_QUANTILES: self.learner.state_id}
        return ReadInputs(view=self.view, state=make_state(), learner_states=states)

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        """The fresh one."""
        return self.learner


def make_roster() -> tuple[FeatureAgent, ...]:
    """The product's agents in turn, under twelve names."""
    built = list(ROSTER.values())
    return tuple(
        replace(agent, specification=replace(agent.specification, agent=name))
        for name, agent in zip(AGENTS, built * len(AGENTS), strict=False)
    )


def make_contexts(judges: TimedJudges | None = None) -> Callable[[], CycleContext]:
    """Contexts of cycles that differ by their id; agents are asked within a time limit where one is given."""
    view, policy = make_view(WIDTH), make_policy(AGENTS, 3)
    policy = replace(policy, blend=replace(policy.blend, information=8.0))  # so that every cycle has orders
    ports = CyclePorts(
        ledger=cast("CycleLedger", ForgetfulLedger()),
        values=InMemoryValueStore(),
        broker=cast("Broker", None),
        inputs=KnownInputs(view),
        clock=cast("Any", time),
        roster=make_roster(),
        policy=policy,
        model=PriorBlend(),
        bundle=Bundle(model="m", prompt="none", policy=policy.version, feature_schema="f", code="c"),
        owner="benchmark",
        fingerprint={},
    )
    request = CycleRequest(
        book_id=BookId(), session=view.session, as_of=view.as_of, next_session=view.session + timedelta(days=1)
    )
    numbers = count()

    def make() -> CycleContext:
        claim = Claim(
            cycle_id=CycleId(f"{next(numbers):064d}"),
            book_id=request.book_id,
            session=request.session,
            epoch=1,
            state=CycleState.CLAIMED,
            watermark=view.watermark,
            bundle=BundleId("b"),
            universe_version="u",
        )
        return CycleContext(ports=ports, request=request, claim=claim, started=time.perf_counter(), judges=judges)

    return make


def run_steps(context: CycleContext) -> CycleProgress:
    """The work alone: every step called in order, without graph, threads or checkpoints."""
    state = CycleProgress(plan=[])
    for step in BEFORE:
        state.update(step(state, context))
    state["opinions"] = {}
    for message in list_consultations(state):
        state["opinions"] |= consult_agent(message, context)["opinions"]
    for step in AFTER:
        state.update(step(state, context))
    return state


def make_empty_nodes(state: CycleProgress) -> Mapping[str, Node]:
    """The same topology: each node returns at once what the routing needs."""
    answers: dict[str, CycleProgress] = {
        "load_view": {"inputs": state["inputs"]},
        "plan_agents": {"plan": state["plan"]},
        "blend_opinions": {"forecasts": state["forecasts"]},
    }

    def make(name: str) -> Node:
        async def node(_: object, runtime: object) -> CycleProgress:
            return answers.get(name, {})

        return node

    return {name: make(name) for name in NODES}


def make_silent_nodes(state: CycleProgress) -> Mapping[str, Node]:
    """The same topology: each node does its step's work on a known state, and returns what the empty one does."""
    empty, steps = make_empty_nodes(state), {step.__name__: step for step in (*BEFORE, *AFTER)}

    def make(name: str) -> Node:
        async def node(message: Any, runtime: Any) -> CycleProgress:
            if name in steps:
                steps[name](state.copy(), runtime.context)
            else:
                consult_agent(message, runtime.context)
            return await empty[name](message, runtime)

        return node

    return {name: make(name) for name in NODES}


async def time_graph(graph: CycleGraph, context: CycleContext, mode: Mode) -> float:
    """Seconds of one cycle."""
    config = {"configurable": {"thread_id": context.claim.cycle_id}, "recursion_limit": 50}
    started = time.perf_counter()
    await graph.ainvoke(CycleProgress(plan=[]), cast("Any", config), context=context, durability=mode)
    return time.perf_counter() - started


async def run_rounds(mode: Mode, folder: str) -> dict[str, list[list[float]]]:
    """Seconds of full, empty and silent graph and bare steps, taken in turn."""
    judges = TimedJudges(AGENT_SECONDS)
    contexts = make_contexts(judges)
    found: dict[str, list[list[float]]] = {"cycle": [], "empty": [], "silent": [], "work": []}
    known = run_steps(contexts())
    nodes = {"cycle": NODES, "empty": make_empty_nodes(known), "silent": make_silent_nodes(known)}
    async with AsyncExitStack() as stack:
        savers = {name: await stack.enter_async_context(open_saver(f"sqlite:///{folder}/{name}.db")) for name in nodes}
        graphs = {name: build_graph(saver, nodes=nodes[name]) for name, saver in savers.items()}
        for number in range(ROUNDS + 1):
            taken: dict[str, list[float]] = {name: [] for name in found}
            for _ in range(CALLS):
                for name, graph in graphs.items():
                    taken[name].append(await time_graph(graph, contexts(), mode))
                context = contexts()
                run_steps(context)
                taken["work"].append(time.perf_counter() - context.started)
            for name in found if number else ():
                found[name].append(taken[name])
    judges.close()
    return found


def count_overhead(middle: Mapping[str, list[float]], graph: str) -> float:
    """What a graph takes beside the work, times the empty topology of the same round."""
    rounds = zip(middle[graph], middle["empty"], middle["work"], strict=True)
    return median((taken - work) / empty for taken, empty, work in rounds)


def count_kilobytes(path: Path) -> float:
    """KB of checkpoints and writes a thread."""
    with sqlite3.connect(path) as connection:
        (stored,) = connection.execute("SELECT SUM(LENGTH(checkpoint) + LENGTH(metadata)) FROM checkpoints").fetchone()
        (written,) = connection.execute("SELECT SUM(LENGTH(value)) FROM writes").fetchone()
        (threads,) = connection.execute("SELECT COUNT(DISTINCT thread_id) FROM checkpoints").fetchone()
    return ((stored or 0) + (written or 0)) / threads / 1024


def measure() -> dict[str, Measured]:
    """Overhead, p95 and checkpoint size in both modes."""
    measured: dict[str, Measured] = {}
    for mode in ("exit", "sync"):
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(run_rounds(cast("Mode", mode), folder))
            size = count_kilobytes(Path(folder) / "cycle.db")
        middle = {name: [median(seconds) for seconds in rounds] for name, rounds in found.items()}
        typical = {name: 1e3 * median(values) for name, values in middle.items()}
        note = (
            f"cycle {typical['cycle']:.1f} ms, empty topology {typical['empty']:.1f}, work {typical['work']:.1f}; "
            f"nodes that work and say nothing {count_overhead(middle, 'silent'):.2f} x"
        )
        measured[f"cycle_overhead_{mode}"] = Measured(count_overhead(middle, "cycle"), note)
        measured[f"cycle_p95_{mode}"] = Measured(1e3 * quantile(found["cycle"], 0.95), "ledger and values in memory")
        measured["checkpoint_size"] = Measured(size, f"{mode}; checkpoints and writes")
    return measured
