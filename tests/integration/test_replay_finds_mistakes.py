"""The comparison can fail: steps that do not repeat themselves are found, with the step's name."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from agents.roster import build_roster
from agents.technical import TECHNICAL
from graphs.decision_cycle.nodes import NODES, Node, make_node
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tradeops.adapters.liveness import identify_process
from tradeops.bootstrap.process import MonotonicClock
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.coordination import slate
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decisions import Decision, Outcome
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import AgentSpecification, Opinions
from tradeops.domain.orders import OrderIntent
from tradeops.services.cycle.size_positions import size_positions
from tradeops.services.cycle.state import CycleContext, CycleProgress
from tradeops.services.replay.compare import Difference
from tradeops.services.replay.replay_decisions import DecisionReplayer
from tradeops.settings import Settings

RECORDED = 12


@pytest.fixture(scope="module")
def runtime(decided_history: Path) -> Iterator[Runtime]:
    with open_runtime(Settings(state_dir=decided_history)) as opened:
        yield opened


@pytest.fixture(scope="module")
def recorded(runtime: Runtime) -> list[Decision]:
    """The twelve decisions that proposed most, one order each or more; the last one several."""
    decisions = [record.decision for record in runtime.ledger.list_decisions()]
    found = sorted(decisions, key=lambda decision: len(decision.intents))[-RECORDED:]
    assert found[0].intents and found[-1].intents[1:]
    return found


def replay(runtime: Runtime, decisions: list[Decision], *, nodes: Any = NODES, roster: Any = None) -> list[Difference]:
    with DecisionCycleRunner(runtime.cycle_ports(), owner=identify_process(), nodes=nodes) as runner:
        replayer = DecisionReplayer(
            ledger=runtime.ledger,
            values=runtime.values,
            run_cycle=runner.run_cycle,
            build_roster=roster or runtime.build_roster,
            clock=MonotonicClock(),
        )
        return list(replayer.replay_all(decisions))


def first_steps(found: list[Difference]) -> set[str]:
    return {difference.first_output.step for difference in found if difference.first_output}


def test_unchanged_code_is_found_identical(runtime: Runtime, recorded: list[Decision]) -> None:
    found = replay(runtime, recorded)

    assert len(found) == RECORDED
    assert not [difference for difference in found if difference.first_output or difference.first_input]


@dataclass(frozen=True)
class MoodyAgent:
    """Adds noise from a stream that nobody seeded."""

    specification: AgentSpecification = TECHNICAL.specification

    def judge(self, view: MarketView) -> Opinions:
        said = TECHNICAL.judge(view)
        noise = np.random.default_rng().normal(size=len(view.instruments)) * 1e-9
        return replace(said, score=np.clip(said.score + noise, -1, 1), confidence=said.confidence.copy())


def test_agent_with_an_unseeded_random_number_is_found_at_consult_agent(
    runtime: Runtime, recorded: list[Decision]
) -> None:
    found = replay(
        runtime,
        recorded,
        roster=lambda policy: tuple(MoodyAgent() if agent is TECHNICAL else agent for agent in build_roster(policy)),
    )

    assert first_steps(found) == {"consult_agent"}
    assert all(one.first_output.path.startswith("opinions.technical.score.") for one in found if one.first_output)


def test_draw_from_a_shared_stream_is_found_at_select_slate(runtime: Runtime, recorded: list[Decision]) -> None:
    with patch.object(slate, "draw_uniform", lambda *_: random.random()):
        found = replay(runtime, recorded)

    assert first_steps(found) == {"select_slate"}


def test_order_by_hash_of_text_is_found_at_size_positions(runtime: Runtime, recorded: list[Decision]) -> None:
    def by_hash(state: CycleProgress, context: CycleContext) -> CycleProgress:
        sized = size_positions(state, context)
        # What `hash()` of text would do under another seed: some order that is not the ids'.
        intents = decode_canonical(tuple[OrderIntent, ...], sized["intents"])
        return {**sized, "intents": encode_canonical(intents[::-1]).decode()}

    nodes: dict[str, Node] = {**NODES, "size_positions": make_node(by_hash)}
    found = replay(runtime, recorded, nodes=nodes)

    assert first_steps(found) == {"size_positions"}


@pytest.mark.parametrize(
    ("field", "step"),
    [
        ("slate", "select_slate"),
        ("opportunities", "build_opportunities"),
        ("targets", "size_positions"),
        ("orders", "check_risk"),
        ("outcome", "record_decision"),
    ],
)
def test_changed_field_of_a_record_is_found_at_the_step_that_made_it(
    field: str, step: str, runtime: Runtime, recorded: list[Decision]
) -> None:
    (found,) = replay(runtime, [change_field(recorded[-1], field)])

    assert found.first_output is not None
    assert found.first_output.step == step
    assert found.first_output.path.startswith(field)


def change_field(decision: Decision, field: str) -> Decision:
    value = getattr(decision, field)
    if field == "outcome":
        return replace(decision, outcome=Outcome.NO_OPINION)
    return replace(decision, **{field: replace(value, draws=value.draws[:-1]) if field == "slate" else value[:-1]})
