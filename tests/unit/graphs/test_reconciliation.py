"""A broker whose answers are lost: nothing is sent again, and the book trades on only when it has answered."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.contract.examples import BOOK
from tests.fakes.broker import InMemoryBroker
from tests.unit.graphs.cycle_bench import OWNER, Bench, no_executions
from tests.unit.graphs.test_retries import Sleeper
from tradeops.domain.errors import CircuitOpen, ExternalServiceError
from tradeops.domain.identifiers import BookId, ClientOrderId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.services.cycle import route_orders
from tradeops.services.cycle.state import CycleContext


@dataclass
class LossyBroker(InMemoryBroker):
    """Takes what it is sent, but its answers are lost.

    Args:
        deaf: It does not answer questions either.
        arrives: Whether orders reach it at all.
        open_after: Orders after which a breaker keeps the rest from being sent.
    """

    deaf: bool = True
    arrives: bool = True
    open_after: int | None = None
    sent: list[ClientOrderId] = field(default_factory=list)
    questions: int = 0

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        if self.open_after is not None and len(self.sent) >= self.open_after:
            raise CircuitOpen("the broker rests")
        self.sent.append(order.client_order_id)
        if self.arrives:
            answer = super().submit(book_id, order)
            if self.open_after is not None:
                return answer
        raise ExternalServiceError("the line is dead")

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        self.questions += 1
        if self.sent and self.deaf:
            raise ExternalServiceError("the line is dead")
        return super().find(client_order_ids)


@pytest.fixture
def broker() -> LossyBroker:
    return LossyBroker(no_executions, lambda order: None)


def run(broker: LossyBroker, bench: Bench) -> CycleOutcome:
    with DecisionCycleRunner(bench.ports(broker=broker), owner=OWNER, sleep=Sleeper()) as runner:
        return runner.run_cycle(bench.request())


def list_states(bench: Bench) -> set[tuple[str, ...]]:
    return {tuple(change.state.value for change in made) for made in bench.ledger.order_states(BOOK).values()}


def is_closed(bench: Bench) -> bool:
    return bench.ledger.last_closed_session(BOOK) == bench.view.session


def check_a_lost_answer_is_asked_for(broker: LossyBroker, bench: Bench) -> None:
    with pytest.raises(ExternalServiceError):
        run(broker, bench)
    assert not is_closed(bench)
    assert list_states(bench) == {("new", "unknown")}
    broker.deaf = False
    outcome = run(broker, bench)

    assert list_states(bench) == {("new", "unknown", "submitted")}
    assert is_closed(bench)
    assert len(broker.sent) == len(set(broker.sent)) == outcome.orders > 0


def test_book_stays_open_until_the_broker_has_said_what_became_of_each_order(broker: LossyBroker, bench: Bench) -> None:
    check_a_lost_answer_is_asked_for(broker, bench)
    assert broker.questions == 1 + 3 + 1  # before sending, three times after it, at the next start


def test_answer_that_is_lost_once_is_asked_for_at_once(broker: LossyBroker, bench: Bench) -> None:
    broker.deaf = False
    outcome = run(broker, bench)

    assert list_states(bench) == {("new", "unknown", "submitted")}
    assert (len(broker.sent), is_closed(bench)) == (outcome.orders, True)


def test_order_that_never_arrived_is_not_sent_again(broker: LossyBroker, bench: Bench) -> None:
    broker.arrives = broker.deaf = False
    outcome = run(broker, bench)
    run(broker, bench)

    assert list_states(bench) == {("new", "unknown")}
    assert len(broker.sent) == outcome.orders


def test_order_that_an_open_breaker_kept_back_is_sent_later_and_the_others_only_once(
    broker: LossyBroker, bench: Bench
) -> None:
    broker.deaf, broker.open_after = False, 1
    with pytest.raises(CircuitOpen):
        run(broker, bench)
    assert list_states(bench) == {("new", "submitted"), ("new",)}
    assert not is_closed(bench)
    broker.open_after = 99
    outcome = run(broker, bench)

    assert list_states(bench) == {("new", "submitted")}
    assert len(broker.sent) == len(set(broker.sent)) == outcome.orders > 1


RIGHT = route_orders.route_recorded_orders


def resend_what_is_unknown(context: CycleContext) -> None:
    for order in context.ports.ledger.orders_in(context.claim.cycle_id, OrderState.UNKNOWN):
        with suppress(ExternalServiceError):
            context.ports.broker.submit(context.claim.book_id, order)
    RIGHT(context)


def close_without_asking(context: CycleContext) -> None:
    route_orders.send_orders(context, context.ports.ledger.orders_in(context.claim.cycle_id, OrderState.NEW))


@pytest.mark.parametrize("mistake", [resend_what_is_unknown, close_without_asking])
def test_mutants_that_send_again_or_do_not_ask_are_found(
    mistake: object, broker: LossyBroker, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_orders, "route_recorded_orders", mistake)
    monkeypatch.setattr("graphs.decision_cycle.run_cycle.route_recorded_orders", mistake)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_a_lost_answer_is_asked_for(broker, bench)
