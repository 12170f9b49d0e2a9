"""Steps whose rule is more than a call: agents that fail, opinions that are missing, orders sent once."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from agents.roster import Agent
from tests.contract.examples import AAPL, BOOK, IBM, asked_by, record_of, request_claim, settlement_of
from tests.unit.graphs.cycle_bench import TECHNICAL, Bench, RaisingAgent, SureAgent
from tradeops.domain.claims import Claim
from tradeops.domain.errors import (
    AgentError,
    ConfigurationError,
    CoordinationError,
    ExternalServiceError,
    NotKnownYet,
    UnknownRecord,
)
from tradeops.domain.identifiers import AgentId, ClientOrderId, ValueRef
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import Abstention, Opinions, abstain_everywhere
from tradeops.domain.orders import Order, OrderChange
from tradeops.services.cycle.consult_agent import consult_agent, judge
from tradeops.services.cycle.found import find_forecasts, find_slate
from tradeops.services.cycle.observed_inputs import ObservedInputs, list_last_selected
from tradeops.services.cycle.plan_agents import plan_agents
from tradeops.services.cycle.review_opinions import review_opinions
from tradeops.services.cycle.route_orders import route_recorded_orders
from tradeops.services.cycle.single_thread import require_single_thread
from tradeops.services.cycle.state import Consultation, CycleContext, CycleProgress, merge_opinions
from tradeops.services.cycle.stored_values import decode_opinions, encode_view

A, B = AgentId("a"), AgentId("b")


def open_context(bench: Bench, claim: Claim, **ports: Any) -> CycleContext:
    return CycleContext(ports=bench.ports(**ports), request=bench.request(), claim=claim, started=0.0)


def claim_on(bench: Bench) -> Claim:
    return bench.ledger.claim_cycle(request_claim())


class TestConsultAgent:
    def test_opinion_is_stored_under_the_name_of_its_agent(self) -> None:
        bench = Bench()
        message = Consultation(agent=TECHNICAL.agent, view=bench.values.put(encode_view(bench.view)))

        change = consult_agent(message, open_context(bench, claim_on(bench)))

        said = decode_opinions(bench.values.get(change["opinions"][TECHNICAL.agent]))
        assert said.score.tolist() == SureAgent().judge(bench.view).score.tolist()

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (NotKnownYet("tomorrow"), Abstention.NOT_KNOWN_YET),
            (AgentError("broke its contract"), Abstention.AGENT_FAILED),
            (ZeroDivisionError("x / 0"), Abstention.AGENT_FAILED),
            (np.linalg.LinAlgError("singular"), Abstention.AGENT_FAILED),
            (KeyError("column"), Abstention.AGENT_FAILED),
            (IndexError("row"), Abstention.AGENT_FAILED),
            (TypeError("None"), Abstention.AGENT_FAILED),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_agent_that_fails_abstains_everywhere_with_the_reason(self, error: Exception, reason: Abstention) -> None:
        said = judge(RaisingAgent(error), Bench().view)

        assert said.abstention.tolist() == [reason] * 3
        assert np.isnan(said.score).all()
        assert np.isnan(said.confidence).all()

    def test_answer_about_other_names_is_a_failure(self) -> None:
        @dataclass(frozen=True)
        class Elsewhere(SureAgent):
            def judge(self, view: MarketView) -> Opinions:
                return abstain_everywhere(TECHNICAL.agent, view.instruments[:1], Abstention.NO_SIGNAL)

        view = Bench().view
        said = judge(Elsewhere(), view)

        assert said.instruments == view.instruments
        assert set(said.abstention.tolist()) == {Abstention.AGENT_FAILED}

    @pytest.mark.parametrize("error", [MemoryError(), OSError("disk"), ExternalServiceError("away")], ids=repr)
    def test_failure_of_the_machine_is_no_opinion_of_the_agent(self, error: Exception) -> None:
        with pytest.raises(type(error)):
            judge(RaisingAgent(error), Bench().view)


class TestWhoIsAsked:
    def test_agents_are_asked_in_ascending_order_whatever_the_roster_says(self) -> None:
        agents: tuple[Agent, ...] = tuple(
            SureAgent(dataclasses.replace(TECHNICAL, agent=AgentId(name))) for name in "cab"
        )
        bench = Bench(roster=agents)

        assert plan_agents(CycleProgress(), open_context(bench, claim_on(bench)))["plan"] == ["a", "b", "c"]

    def test_answers_are_merged_in_ascending_order_whoever_was_first(self) -> None:
        merged = merge_opinions({B: ValueRef("2")}, {A: ValueRef("1")})

        assert list(merged.items()) == [("a", "1"), ("b", "2")]

    def test_all_who_were_asked_and_nobody_else_is_accepted(self) -> None:
        bench = Bench()
        state = CycleProgress(plan=[A, B], opinions={B: ValueRef("2"), A: ValueRef("1")})

        assert review_opinions(state, open_context(bench, claim_on(bench))) == {}

    @pytest.mark.parametrize("heard", [[A], [A, B, AgentId("c")], [AgentId("c")], []], ids=str)
    def test_missing_or_uninvited_opinion_is_refused(self, heard: list[AgentId]) -> None:
        bench = Bench()
        state = CycleProgress(plan=[A, B], opinions=dict.fromkeys(heard, ValueRef("1")))

        with pytest.raises(CoordinationError, match="asked"):
            review_opinions(state, open_context(bench, claim_on(bench)))


@dataclass
class CountingBroker:
    """Answers for what it knows; `submit` does what it is told to do."""

    known: dict[ClientOrderId, OrderChange]
    answer: OrderState | None = OrderState.SUBMITTED
    sent: list[ClientOrderId] = dataclasses.field(default_factory=list)
    asked: int = 0

    def find(self, orders: list[ClientOrderId]) -> dict[ClientOrderId, OrderChange]:
        self.asked += 1
        return {order: self.known[order] for order in orders if order in self.known}

    def submit(self, book_id: object, order: Order) -> OrderChange:
        self.sent.append(order.client_order_id)
        if self.answer is None:
            raise ExternalServiceError("the line is dead")
        return OrderChange(client_order_id=order.client_order_id, state=self.answer, reason="told")


class TestRouteOrders:
    @pytest.fixture
    def bench(self) -> Bench:
        return Bench()

    @pytest.fixture
    def claim(self, bench: Bench) -> Claim:
        claim = claim_on(bench)
        bench.ledger.record_decision(claim, record_of(claim), asked_by(claim))
        return claim

    def states(self, bench: Bench) -> list[list[str]]:
        return [[change.state.value for change in made] for made in bench.ledger.order_states(BOOK).values()]

    def test_pending_orders_are_sent_once_and_marked(self, bench: Bench, claim: Claim) -> None:
        broker = CountingBroker({})
        for _ in range(3):
            route_recorded_orders(open_context(bench, claim, broker=broker))

        assert len(broker.sent) == len(set(broker.sent)) == 2
        assert self.states(bench) == [["new", "submitted"]] * 2
        assert broker.asked == 1

    def test_order_that_the_broker_has_already_is_marked_and_not_sent(self, bench: Bench, claim: Claim) -> None:
        first = bench.ledger.orders_in(claim.cycle_id, OrderState.NEW)[0].client_order_id
        known = OrderChange(client_order_id=first, state=OrderState.REJECTED, reason="no trade")
        broker = CountingBroker({first: known})

        route_recorded_orders(open_context(bench, claim, broker=broker))

        assert first not in broker.sent
        assert len(broker.sent) == 1
        assert sorted(self.states(bench)) == [["new", "rejected"], ["new", "submitted"]]

    def test_order_without_an_answer_is_unknown_and_never_sent_again(self, bench: Bench, claim: Claim) -> None:
        broker = CountingBroker({}, answer=None)
        for _ in range(3):
            route_recorded_orders(open_context(bench, claim, broker=broker))

        assert len(broker.sent) == 2
        assert self.states(bench) == [["new", "unknown"]] * 2

    def test_unknown_order_takes_the_answer_that_the_broker_gives_later(self, bench: Bench, claim: Claim) -> None:
        broker = CountingBroker({}, answer=None)
        route_recorded_orders(open_context(bench, claim, broker=broker))
        broker.known = {
            order: OrderChange(client_order_id=order, state=OrderState.SUBMITTED, reason="had it all along")
            for order in broker.sent
        }
        route_recorded_orders(open_context(bench, claim, broker=broker))

        assert len(broker.sent) == 2
        assert self.states(bench) == [["new", "unknown", "submitted"]] * 2

    def test_nothing_is_asked_when_nothing_is_pending(self, bench: Bench) -> None:
        claim = claim_on(bench)
        bench.ledger.record_decision(claim, record_of(claim, names=()), asked_by(claim))
        broker = CountingBroker({})

        route_recorded_orders(open_context(bench, claim, broker=broker))

        assert (broker.asked, broker.sent) == (0, [])


class TestInputs:
    def test_last_selection_of_a_held_name_is_carried_on_and_a_sold_name_is_forgotten(self) -> None:
        bench = Bench()
        decision = record_of(claim_on(bench), names=(AAPL,)).decision
        settled = settlement_of(1)
        both = dataclasses.replace(
            settled,
            closing=dataclasses.replace(
                settled.closing, positions={AAPL: settled.closing.positions[AAPL], IBM: settled.closing.positions[AAPL]}
            ),
        )

        assert decision.inputs is not None
        carried = decision.inputs.state.last_selected[IBM]
        assert list_last_selected(decision, settled) == {AAPL: decision.session}
        assert list_last_selected(decision, both) == {AAPL: decision.session, IBM: carried}
        assert list_last_selected(None, both) == {}

    def test_later_selection_replaces_the_earlier_one(self) -> None:
        bench = Bench()
        decision = record_of(claim_on(bench), names=(AAPL,)).decision
        later = dataclasses.replace(decision, session=decision.session + timedelta(days=9))

        assert list_last_selected(later, settlement_of(10)) == {AAPL: later.session}

    def test_session_that_is_not_settled_cannot_be_decided(self) -> None:
        bench = Bench()
        unused: Any = None
        inputs = ObservedInputs(ledger=bench.ledger, histories=unused, features=unused, universe=unused)

        with pytest.raises(UnknownRecord, match="settle before deciding"):
            inputs.read(bench.request(), claim_on(bench))


def test_slate_and_forecast_of_a_cycle_in_which_nobody_spoke_cannot_be_read() -> None:
    bench = Bench()
    context = open_context(bench, claim_on(bench))
    state = CycleProgress(forecasts=None, slate=None)

    with pytest.raises(CoordinationError, match="nobody spoke"):
        find_forecasts(state, context)
    with pytest.raises(CoordinationError, match="nobody spoke"):
        find_slate(state, context)


@pytest.mark.parametrize(("threads", "refused"), [(1, False), (2, True)])
def test_cycle_starts_only_with_one_numeric_thread(
    threads: int, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    monkeypatch.setattr(
        "tradeops.services.cycle.single_thread.threadpool_info", lambda: [{"prefix": "lib", "num_threads": threads}]
    )
    if refused:
        with pytest.raises(ConfigurationError):
            require_single_thread()
    else:
        require_single_thread()
