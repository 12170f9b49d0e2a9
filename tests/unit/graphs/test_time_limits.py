"""An agent that is late abstains; what it says later is read by nobody, and a replay does not wait for it."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import pytest

from agents.roster import Agent
from graphs.decision_cycle import run_cycle
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from graphs.decision_cycle.timed_judges import Judge, TimedJudges
from tests.unit.examples import base_policy
from tests.unit.graphs.cycle_bench import OWNER, TECHNICAL, Bench, RaisingAgent, StoppedClock, SureAgent
from tradeops.domain.decisions import Decision, Outcome
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import Abstention, AgentSpecification, Opinions
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.services.cycle.stored_values import decode_opinions
from tradeops.services.replay import replay_decisions
from tradeops.services.replay.compare import Difference
from tradeops.services.replay.replay_decisions import DecisionReplayer

MACRO, TECH = AgentId("macro"), TECHNICAL.agent
SOON, NEVER_LATE = 0.02, 600.0


@dataclass(frozen=True)
class WaitingAgent(SureAgent):
    """Answers when it may."""

    may: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    specification: AgentSpecification = field(default_factory=lambda: replace(TECHNICAL, agent=MACRO))

    def judge(self, view: MarketView) -> Opinions:
        self.asked.set()
        self.may.wait()
        return super().judge(view)


@dataclass(frozen=True)
class ReleasingAgent(SureAgent):
    """Lets another one answer."""

    other: WaitingAgent = field(default_factory=WaitingAgent)

    def judge(self, view: MarketView) -> Opinions:
        self.other.may.set()
        return super().judge(view)


class HurriedMacro(TimedJudges):
    """Limits only the agent that hangs: on a busy machine the thread of another one may wake late."""

    def __init__(self, seconds: float) -> None:
        super().__init__(NEVER_LATE)
        self._hurried = TimedJudges(seconds)

    async def ask(self, agent: AgentId, judge: Judge) -> Opinions | None:
        return await (self._hurried.ask if agent == MACRO else super().ask)(agent, judge)

    def list_hung(self) -> tuple[AgentId, ...]:
        return (*super().list_hung(), *self._hurried.list_hung())

    def close(self) -> None:
        super().close()
        self._hurried.close()


@pytest.fixture
def hung() -> Iterator[WaitingAgent]:
    agent = WaitingAgent()
    yield agent
    agent.may.set()


def run(bench: Bench, seconds: float) -> CycleOutcome:
    bench.ledger.record_policy(base_policy())
    bundle = replace(bench.ports().bundle, policy=base_policy().version)
    with patch.object(run_cycle, "TimedJudges", HurriedMacro):
        runner = DecisionCycleRunner(bench.ports(bundle=bundle), owner=OWNER, agent_seconds=seconds)
    with runner:
        return runner.run_cycle(bench.request())


def list_reasons(bench: Bench, decision: Decision) -> dict[str, set[int]]:
    return {
        agent: set(decode_opinions(bench.values.get(ref)).abstention.tolist())
        for agent, ref in decision.opinions.items()
    }


def replay(bench: Bench, decision: Decision, roster: tuple[Agent, ...]) -> Difference:
    learner = bench.ports().inputs.learner  # type: ignore[attr-defined]
    bench.ledger.learners[learner.state_id] = learner
    with DecisionCycleRunner(bench.ports(), owner=OWNER, agent_seconds=SOON) as runner:
        replayer = DecisionReplayer(
            ledger=bench.ledger,
            values=bench.values,
            run_cycle=runner.run_cycle,
            build_roster=lambda policy: roster,
            clock=StoppedClock(),
        )
        return replayer.replay(decision)


def decide_without(hung: WaitingAgent) -> tuple[Bench, CycleOutcome, Decision]:
    bench = Bench(roster=(hung, SureAgent()))
    outcome = run(bench, SOON)
    return bench, outcome, bench.ledger.get_decision(outcome.cycle_id).decision


def test_agent_that_hangs_abstains_with_the_reason_and_the_others_decide(hung: WaitingAgent) -> None:
    bench, outcome, decision = decide_without(hung)

    assert (outcome.status, outcome.hung_agents) == (Outcome.DECIDED, (MACRO,))
    assert list_reasons(bench, decision) == {MACRO: {Abstention.TIMED_OUT}, TECH: {Abstention.NONE}}
    assert outcome.orders > 0


def test_nobody_is_in_time_and_the_book_is_held(hung: WaitingAgent) -> None:
    outcome = run(Bench(roster=(hung,)), SOON)

    assert (outcome.status, outcome.orders) == (Outcome.NO_OPINION, 0)


def test_late_answer_is_read_by_nobody_and_its_thread_ends(hung: WaitingAgent) -> None:
    before = set(threading.enumerate())
    bench, _, decision = decide_without(hung)
    (left,) = set(threading.enumerate()) - before
    hung.may.set()
    left.join()

    again = bench.ledger.get_decision(decision.cycle_id).decision
    assert again.canonical_bytes == decision.canonical_bytes
    assert list_reasons(bench, again)[MACRO] == {Abstention.TIMED_OUT}


def test_no_thread_is_left_when_nobody_was_late() -> None:
    before = set(threading.enumerate())
    outcome = run(Bench(), NEVER_LATE)

    assert outcome.hung_agents == ()
    assert set(threading.enumerate()) == before


def test_agents_are_asked_while_another_one_is_waited_for(hung: WaitingAgent) -> None:
    bench = Bench(roster=(hung, ReleasingAgent(other=hung)))
    outcome = run(bench, NEVER_LATE)

    decision = bench.ledger.get_decision(outcome.cycle_id).decision
    assert list_reasons(bench, decision) == {MACRO: {Abstention.NONE}, TECH: {Abstention.NONE}}


def test_errors_of_an_agent_come_out_of_its_thread() -> None:
    with pytest.raises(OSError, match="disk"):
        run(Bench(roster=(RaisingAgent(OSError("disk")),)), NEVER_LATE)


def test_replay_is_exact_whether_the_agent_answers_now_or_hangs_for_ever(hung: WaitingAgent) -> None:
    bench, _, decision = decide_without(hung)
    answering = replace(hung, may=threading.Event())
    answering.may.set()

    for agent in (hung, answering):
        found = replay(bench, decision, (agent, SureAgent()))
        assert (found.first_input, found.first_output) == (None, None)


def test_replay_waits_for_an_agent_that_was_in_time_then(hung: WaitingAgent) -> None:
    bench = Bench(roster=(ReleasingAgent(other=hung),))
    decision = bench.ledger.get_decision(run(bench, NEVER_LATE).cycle_id).decision

    def release_late() -> None:
        hung.asked.wait()
        time.sleep(10 * SOON)
        hung.may.set()

    late = threading.Thread(target=release_late, daemon=True)
    late.start()

    found = replay(bench, decision, (replace(hung, specification=TECHNICAL),))
    assert (found.first_input, found.first_output) == (None, None)
    late.join()


def test_mutant_replay_that_asks_the_late_agent_again_is_found(
    hung: WaitingAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, _, decision = decide_without(hung)
    hung.may.set()
    monkeypatch.setattr(replay_decisions, "silence_late", lambda roster, recorded, values: roster)

    found = replay(bench, decision, (hung, SureAgent()))

    assert found.first_output is not None
    assert found.first_output.step == "consult_agent"
