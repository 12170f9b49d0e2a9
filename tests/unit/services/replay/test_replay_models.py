"""A replay decides by the model that the recorded bundle names, read from the value store."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from threadpoolctl import threadpool_limits

from agents.roster import Agent
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.unit.coordination.boosters import train_blender
from tests.unit.examples import base_policy, build_view, random_closes
from tests.unit.graphs.cycle_bench import OWNER, TECHNICAL, Bench, StoppedClock, SureAgent
from tradeops.coordination.blend_models import load_blend_model
from tradeops.coordination.boosted_blend import StoredBlender
from tradeops.domain.decisions import Decision
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.identifiers import AgentId
from tradeops.domain.models import PRIOR_BLEND, ModelRef, name_blender
from tradeops.services.replay.compare import Difference
from tradeops.services.replay.replay_decisions import DecisionReplayer

ROSTER: tuple[Agent, ...] = tuple(SureAgent(replace(TECHNICAL, agent=AgentId(name))) for name in ("macro", "technical"))
VIEW = build_view(random_closes(7, 130, 3), features={"trend": [0.5, -1.0, 2.0], "vol_20": 0.02})


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    train_blender()  # the package loads numeric libraries of its own
    with threadpool_limits(limits=1):
        yield


def open_bench() -> Bench:
    bench = Bench(roster=ROSTER, view=VIEW)
    bench.ledger.record_policy(base_policy())
    return bench


def store(bench: Bench, blender: StoredBlender) -> ModelRef:
    return name_blender(bench.values.put(blender.encode()))


def decide(bench: Bench, model: ModelRef) -> Decision:
    policy = base_policy()
    bundle = replace(bench.ports().bundle, model=model, policy=policy.version)
    ports = bench.ports(model=load_blend_model(model, bench.values), bundle=bundle)
    with DecisionCycleRunner(ports, owner=OWNER) as runner:
        cycle_id = runner.run_cycle(bench.request()).cycle_id
    return bench.ledger.get_decision(cycle_id).decision


def replay(bench: Bench, decision: Decision) -> Difference:
    learner = bench.ports().inputs.learner  # type: ignore[attr-defined]
    bench.ledger.learners[learner.state_id] = learner
    with DecisionCycleRunner(bench.ports(), owner=OWNER) as runner:
        replayer = DecisionReplayer(
            ledger=bench.ledger,
            values=bench.values,
            run_cycle=runner.run_cycle,
            build_roster=lambda policy: ROSTER,
            clock=StoppedClock(),
        )
        return replayer.replay(decision)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_blenders_decision_is_replayed_by_that_blender(seed: int) -> None:
    bench = open_bench()
    decision = decide(bench, store(bench, train_blender(seed)))

    assert decision.forecasts is not None
    found = replay(bench, decision)
    assert (found.first_input, found.first_output) == (None, None)


@pytest.mark.parametrize("other", ["prior", "blender"])
def test_mutant_another_model_is_seen_in_the_forecasts(other: str) -> None:
    bench = open_bench()
    decision = decide(bench, store(bench, train_blender(1)))
    assert decision.inputs is not None
    swapped = PRIOR_BLEND if other == "prior" else store(bench, train_blender(2))
    bundle = replace(decision.inputs.bundle, model=swapped)

    found = replay(bench, replace(decision, inputs=replace(decision.inputs, bundle=bundle)))

    assert found.first_output is not None
    assert found.first_output.step == "blend_opinions"


def test_a_model_that_is_no_longer_stored_is_told() -> None:
    bench = open_bench()
    model = store(bench, train_blender(1))
    decision = decide(bench, model)
    del bench.values.values[model.removeprefix("blender/")]  # type: ignore[arg-type]

    with pytest.raises(UnknownRecord):
        replay(bench, decision)
