"""A node that fails for good: an event gets its answer in time and a person is told once, or the error comes out."""

import dataclasses
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graphs.decision_cycle import recovering
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.contract.examples import BOOK
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.notifier import InMemoryNotifier
from tests.unit.graphs.cycle_bench import OWNER, TECHNICAL, Bench, SureAgent
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import CycleRequest, DecisionRecord, Outcome
from tradeops.domain.errors import CircuitOpen, DataError, ExternalServiceError, StaleEpoch
from tradeops.domain.identifiers import AgentId
from tradeops.domain.lifecycle import OrderState
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.services.cycle import recover
from tradeops.services.cycle.previous_decision import find_previous_decision

EVENT = InboxKey(consumer=BOOK.stream, topic="market.features", event_id="e1")
AGENTS = ("macro", "money_flows", "technical")
WITHIN_SECONDS = 10.0
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class RunningClock:
    """Time passes by sleeping, and by calls to what does not answer."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Case:
    bench: Bench
    notifier: InMemoryNotifier = dataclasses.field(default_factory=lambda: InMemoryNotifier(lambda: AT))
    clock: RunningClock = dataclasses.field(default_factory=RunningClock)

    def run(
        self,
        *,
        asked_by: InboxKey | None = EVENT,
        checkpoints: Path | None = None,
        durability: Any = "exit",
        **failures: list[Exception],
    ) -> CycleOutcome:
        ports = self.bench.ports(tell=self.notifier.notify, clock=self.clock)
        runner = DecisionCycleRunner(
            ports,
            owner=OWNER,
            checkpoints=f"sqlite:///{checkpoints}" if checkpoints else None,
            durability=durability,
            nodes=self.bench.counted_nodes(**failures),
            sleep=self.clock.sleep,
        )
        with runner:
            return runner.run_cycle(self.request(asked_by))

    def request(self, asked_by: InboxKey | None) -> CycleRequest:
        return replace(self.bench.request(), asked_by=asked_by)

    @property
    def recorded(self) -> DecisionRecord | None:
        return self.bench.ledger.find_decision(BOOK, self.bench.view.session)

    @property
    def closed(self) -> bool:
        return self.bench.ledger.last_closed_session(BOOK) == self.bench.view.session


@pytest.fixture
def case(bench: Bench) -> Case:
    return Case(bench)


def away(times: int = 9) -> list[Exception]:
    return [ExternalServiceError("the lake does not answer") for _ in range(times)]


def test_event_is_answered_by_holding_the_book_when_what_the_decision_needs_is_away(case: Case) -> None:
    outcome = case.run(load_view=away())

    assert (outcome.status, outcome.orders, case.closed) == (Outcome.HELD, 0, True)
    assert case.clock.now < WITHIN_SECONDS
    assert case.bench.called == {"load_view": 3}
    assert case.recorded is not None
    assert case.recorded.trace.reason == "load_view: the lake does not answer"
    assert case.recorded.decision.inputs is None
    assert case.bench.ledger.find_effect(EVENT) == outcome.cycle_id
    (told,) = case.notifier.sent
    facts = dict(told.facts)
    assert told.subject.endswith("load_view failed, the book is held")
    assert facts["tried"].startswith("3 times in ")
    assert "the lake does not answer" in facts["error"]
    assert outcome.cycle_id in facts["cycle"]
    assert "tradeops doctor" in told.advice


def test_held_session_is_closed_for_good_and_the_next_decision_goes_on_from_the_one_before(case: Case) -> None:
    case.run(load_view=away())
    again = case.run()

    assert (again.status, again.already_decided) == (Outcome.HELD, True)
    assert not case.bench.broker.orders
    assert find_previous_decision(case.bench.ledger, BOOK, case.bench.view.session + timedelta(days=1)) is None


@pytest.mark.parametrize("seconds", [1.5, 3.0])
def test_what_answers_slowly_is_asked_less_often_so_that_the_answer_comes_in_time(case: Case, seconds: float) -> None:
    @dataclass
    class Slow:
        def read(self, request: CycleRequest, claim: Claim) -> Any:
            case.clock.now += seconds
            raise ExternalServiceError("no answer in time")

        def learner_state(self, state_id: object) -> Any:
            raise AssertionError

    ports = case.bench.ports(inputs=Slow(), clock=case.clock, tell=case.notifier.notify)
    with DecisionCycleRunner(ports, owner=OWNER, sleep=case.clock.sleep) as runner:
        assert runner.run_cycle(case.request(EVENT)).status is Outcome.HELD

    assert case.clock.now <= recover.LAST_ATTEMPT_SECONDS + seconds < WITHIN_SECONDS


def test_open_breaker_is_answered_without_any_wait(case: Case) -> None:
    outcome = case.run(load_view=[CircuitOpen("rests")])

    assert (outcome.status, case.clock.now) == (Outcome.HELD, 0)


def test_cycle_that_nobody_sent_an_event_for_fails_for_now_and_is_decided_by_the_next_attempt(case: Case) -> None:
    with pytest.raises(ExternalServiceError, match="the lake does not answer"):
        case.run(asked_by=None, load_view=away())

    assert case.recorded is None
    assert not case.notifier.sent
    assert case.run(asked_by=None).status is Outcome.DECIDED


def test_error_that_waiting_does_not_cure_comes_out_and_a_person_is_told_once(case: Case) -> None:
    error = DataError("a column is missing")
    for _ in range(3):
        with pytest.raises(DataError) as raised:
            case.run(check_risk=[error])
        assert raised.value is error

    assert case.recorded is None
    (told,) = case.notifier.sent
    assert dict(told.facts)["tried"].startswith("1 times")
    assert "tradeops dlq redrive" in told.advice
    assert f"--session {case.bench.view.session}" in told.advice
    assert case.run().status is Outcome.DECIDED


def test_broker_that_is_away_leaves_a_decided_cycle_open_and_its_orders_are_sent_later(case: Case) -> None:
    with pytest.raises(ExternalServiceError):
        case.run(route_orders=away())

    assert case.recorded is not None
    assert case.recorded.decision.outcome is Outcome.DECIDED
    assert not case.closed
    assert len(case.notifier.sent) == 1
    outcome = case.run()
    assert (len(case.bench.broker.orders), case.closed) == (outcome.orders, True)


class DeafLedger(InMemoryLedger):
    deaf = True

    def record_decision(self, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        if self.deaf:
            raise ExternalServiceError("the ledger does not answer")
        super().record_decision(claim, record, asked_by)


def test_without_the_ledger_there_is_no_answer_and_the_next_attempt_decides() -> None:
    ledger = DeafLedger()
    case = Case(Bench(ledger=ledger))
    with pytest.raises(ExternalServiceError, match="the ledger does not answer"):
        case.run()
    assert case.recorded is None

    ledger.deaf = False
    assert case.run().status is Outcome.DECIDED


def test_owner_who_was_replaced_bothers_nobody_and_holds_nothing(case: Case) -> None:
    with pytest.raises(StaleEpoch):
        case.run(record_decision=[StaleEpoch("a newer claim exists")])

    assert case.recorded is None
    assert not case.notifier.sent


def test_notifier_that_fails_changes_nothing(case: Case) -> None:
    def fail(_: object) -> bool:
        raise OSError("no space")

    case.notifier.notify = fail  # type: ignore[method-assign]

    assert case.run(load_view=away()).status is Outcome.HELD


@pytest.mark.parametrize("durability", ["exit", "sync"])
@pytest.mark.parametrize("node", ["load_view", "consult_agent", "review_opinions", "size_positions", "record_decision"])
def test_attempt_after_a_failure_decides_as_an_undisturbed_cycle_does(
    node: str, durability: Any, tmp_path: Path
) -> None:
    agents = tuple(SureAgent(replace(TECHNICAL, agent=AgentId(name))) for name in AGENTS)
    plain, broken = Case(Bench(roster=agents)), Case(Bench(roster=agents))
    plain.run()
    with pytest.raises(ValueError, match="died"):
        broken.run(checkpoints=tmp_path / "c.db", durability=durability, **{node: [ValueError("died")]})
    assert broken.recorded is None
    outcome = broken.run(checkpoints=tmp_path / "c.db", durability=durability)

    assert broken.recorded is not None
    assert plain.recorded is not None
    assert broken.recorded.decision.canonical_bytes == plain.recorded.decision.canonical_bytes
    assert outcome.orders == len(broken.bench.broker.orders) > 0
    assert len(broken.notifier.sent) == 1
    states = broken.bench.ledger.order_states(BOOK).values()
    assert {changes[-1].state for changes in states} == {OrderState.SUBMITTED}


def test_several_agents_that_fail_at_once_are_one_failure() -> None:
    agents = tuple(SureAgent(replace(TECHNICAL, agent=AgentId(name))) for name in AGENTS)
    case = Case(Bench(roster=agents))
    with pytest.raises(OSError, match="disk"):
        case.run(consult_agent=[OSError("disk"), OSError("disk")])

    assert case.bench.called["consult_agent"] == 3
    assert case.bench.called["blend_opinions"] == 0
    assert len(case.notifier.sent) == 1


def test_mutant_that_holds_whoever_asks_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovering, "recover_cycle", recover._hold)

    assert case.run(asked_by=None, load_view=away()).status is Outcome.HELD
