"""A package under any sequence of answers, silences, deaths and late arrivals: complete, or nothing is left open."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.examples import AAPL, BOOK, HERE, IBM, asked_by, change_of, record_of, request_claim
from tests.fakes.broker import InMemoryBroker
from tests.unit.graphs.cycle_bench import Bench, no_executions
from tradeops.domain.claims import Claim
from tradeops.domain.errors import CircuitOpen, ExternalServiceError, StaleEpoch
from tradeops.domain.identifiers import BookId, ClientOrderId, InstrumentId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, OrderChange
from tradeops.services.cycle import route_packages
from tradeops.services.cycle.route_orders import route_recorded_orders
from tradeops.services.cycle.state import CycleContext

HEDGED = PackageId("hedged")
MSFT = InstrumentId("MSFT")
WELL, SILENT, DEAF, LOST, KEPT_BACK, DIES_BEFORE, DIES_AFTER, ARRIVES, UNMARKED, MARKED = (
    "well",
    "silent",
    "deaf",
    "lost",
    "kept back",
    "dies before",
    "dies after",
    "a lost order arrives first",
    "dies before marking",
    "dies after marking",
)
T = TypeVar("T")
EVENTS = st.sampled_from(
    (WELL, WELL, SILENT, DEAF, LOST, KEPT_BACK, DIES_BEFORE, DIES_AFTER, ARRIVES, UNMARKED, MARKED)
)


class Death(BaseException):
    """The process is killed."""


@dataclass
class FatefulBroker(InMemoryBroker):
    """Each call meets the next event; without any left all goes well.

    An order that is `lost` is on its way and may arrive before any later call.
    """

    events: list[str] = field(default_factory=list)
    on_its_way: list[tuple[BookId, Order]] = field(default_factory=list)
    sent: Counter[ClientOrderId] = field(default_factory=Counter)
    dead: bool = False

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        def lose() -> None:
            self.sent[order.client_order_id] += 1
            self.on_its_way.append((book_id, order))

        def send() -> OrderChange:
            self.sent[order.client_order_id] += 1
            return super(FatefulBroker, self).submit(book_id, order)

        return self._meet(send, lose)

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        return self._meet(lambda: super(FatefulBroker, self).cancel(book_id, client_order_id))

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        return self._meet(lambda: super(FatefulBroker, self).find(client_order_ids))

    def _meet(self, act: Callable[[], T], lose: Callable[[], None] = lambda: None) -> T:
        event = self.events.pop(0) if self.events and self.events[0] not in (UNMARKED, MARKED) else WELL
        if event == ARRIVES:
            self.arrive()
        elif event == KEPT_BACK:
            raise CircuitOpen("the broker rests")
        elif event == DIES_BEFORE:
            self.die()
        elif event in (LOST, DEAF):
            if event == LOST:
                lose()
            raise ExternalServiceError("the line is dead")
        answer = act()
        if event == SILENT:
            raise ExternalServiceError("the line is dead")
        if event == DIES_AFTER:
            self.die()
        return answer

    def die(self) -> None:
        self.dead = True
        raise Death

    def arrive(self) -> None:
        while self.on_its_way:
            InMemoryBroker.submit(self, *self.on_its_way.pop())

    def list_open(self) -> set[ClientOrderId]:
        taken = (one for one in self.list_orders() if one.answer.state is OrderState.SUBMITTED and not one.cancelled)
        return {one.order.client_order_id for one in taken}


@dataclass
class MortalLedger:
    """Its process may die before or after orders are marked, and a dead one marks nothing; counts what it is asked."""

    inner: Any
    broker: FatefulBroker
    reads: int = 0

    def record_order_changes(self, claim: Claim, changes: Sequence[OrderChange]) -> None:
        events = self.broker.events
        event = events.pop(0) if events[:1] in ([UNMARKED], [MARKED]) else WELL
        if event == UNMARKED or self.broker.dead:
            self.broker.die()
        self.inner.record_order_changes(claim, changes)
        if event == MARKED:
            self.broker.die()

    def __getattr__(self, name: str) -> Any:
        self.reads += name.startswith("orders_")
        return getattr(self.inner, name)


@dataclass
class Story:
    """A recorded package, and whom its legs meet."""

    events: list[str] = field(default_factory=list)
    names: tuple[InstrumentId, ...] = (AAPL, IBM)
    refused: frozenset[InstrumentId] = frozenset()
    package: PackageId | None = HEDGED
    forget: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.bench = Bench()
        self.broker = FatefulBroker(
            no_executions, lambda order: "no" if order.instrument in self.refused else None, events=self.events
        )
        self.ledger = MortalLedger(self.bench.ledger, self.broker)
        claim = self.claim()
        record = record_of(claim, names=self.names, package=self.package)
        self.bench.ledger.record_decision(claim, record, asked_by(claim))
        self.legs = record.decision.orders

    def claim(self) -> Claim:
        return self.bench.ledger.claim_cycle(request_claim(owner=HERE))

    def open_context(self, claim: Claim) -> CycleContext:
        ports = self.bench.ports(broker=self.broker, ledger=self.ledger)
        self.broker.dead = False
        return CycleContext(ports=ports, request=self.bench.request(), claim=claim, started=0.0)

    def route(self) -> None:
        route_recorded_orders(self.open_context(self.claim()))

    def route_until_quiet(self) -> None:
        """As the supervisor and the next event do: again after every death and silence; then all is on time."""
        for _ in range(len(self.events) + 2):
            try:
                self.route()
                break
            except ExternalServiceError:
                continue
            except Death:
                self.forget()
        else:
            pytest.fail("it never became quiet")
        self.broker.arrive()

    def states(self) -> list[OrderState]:
        made = self.bench.ledger.order_states(BOOK)
        return [made[leg.client_order_id][-1].state for leg in self.legs]

    def reasons(self) -> list[str]:
        made = self.bench.ledger.order_states(BOOK)
        return [made[leg.client_order_id][-1].reason for leg in self.legs]


def check_complete_or_compensated(story: Story) -> None:
    story.route_until_quiet()
    found, wanted = story.broker.list_open(), {leg.client_order_id for leg in story.legs}
    assert found in (set(), wanted), "a lone leg is open at the broker"
    states = set(story.states())
    assert states == {OrderState.SUBMITTED} if found else states <= {OrderState.CANCELLED, OrderState.REJECTED}
    assert not any(count > 1 for count in story.broker.sent.values()), "a leg was sent twice"


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=st.lists(EVENTS, max_size=14),
    names=st.sampled_from([(AAPL, IBM), (AAPL, IBM, MSFT)]),
    refused=st.frozensets(st.sampled_from([AAPL, IBM, MSFT]), max_size=1),
)
def test_all_legs_are_open_at_the_end_or_none(
    events: list[str], names: tuple[InstrumentId, ...], refused: frozenset[InstrumentId]
) -> None:
    check_complete_or_compensated(Story(events, names, refused))


def last_leg() -> InstrumentId:
    return Story().legs[-1].instrument


def test_a_package_that_nobody_disturbs_is_sent_leg_after_leg() -> None:
    story = Story(names=(AAPL, IBM, MSFT))
    check_complete_or_compensated(story)
    assert story.states() == [OrderState.SUBMITTED] * 3
    assert story.broker.endings == {}


def test_a_rejected_leg_takes_the_others_back_and_is_named() -> None:
    story = Story(refused=frozenset({last_leg()}))
    story.route()
    assert story.states() == [OrderState.CANCELLED, OrderState.REJECTED]
    assert f"leg {story.legs[1].client_order_id} ({last_leg()}) is rejected" in story.reasons()[0]


def test_a_leg_behind_a_rejected_one_is_never_sent() -> None:
    story = Story(refused=frozenset({Story().legs[0].instrument}))
    story.route()
    assert list(story.broker.sent) == [story.legs[0].client_order_id]
    assert story.states() == [OrderState.REJECTED, OrderState.CANCELLED]


def test_a_leg_that_arrives_after_its_package_was_compensated_is_not_taken() -> None:
    story = Story([WELL, WELL, LOST])
    story.route()
    assert story.states() == [OrderState.CANCELLED] * 2
    assert "no answer from the broker" in story.reasons()[1]
    story.broker.arrive()
    assert story.broker.list_open() == set()


def test_what_is_compensated_is_left_alone_afterwards() -> None:
    story = Story(refused=frozenset({last_leg()}))
    story.route()
    story.events += [DEAF] * 3
    story.route()
    assert story.events == [DEAF] * 3


def test_a_leg_that_filled_before_its_cancel_is_left_to_its_settlement() -> None:
    story = Story(refused=frozenset({last_leg()}))
    first = story.legs[0]
    filled = change_of(first, OrderState.FILLED, "filled whole")
    story.broker.endings[first.client_order_id] = filled
    story.route()
    assert story.states() == [OrderState.SUBMITTED, OrderState.REJECTED]


def test_a_cycle_without_packages_asks_the_ledger_as_often_as_ever() -> None:
    story = Story(package=None)
    story.route()
    assert (story.ledger.reads, story.states()) == (3, [OrderState.SUBMITTED] * 2)


def check_who_lost_the_cycle_cancels_nothing() -> None:
    story = Story(refused=frozenset({last_leg()}))
    story.events += [WELL, WELL, WELL, DIES_BEFORE]  # the question, two legs, then before the cancel
    old = story.claim()
    with suppress(Death):
        route_recorded_orders(story.open_context(old))
    assert story.states() == [OrderState.SUBMITTED, OrderState.REJECTED]
    story.claim()
    with pytest.raises(StaleEpoch):
        route_recorded_orders(story.open_context(old))
    assert story.broker.endings == {}


def test_who_lost_the_cycle_cancels_nothing() -> None:
    check_who_lost_the_cycle_cancels_nothing()


# Each of these is survived as it is, and not by the mistake beside it.


def answer_without_cancelling(_context: CycleContext, order: Order, _lost: object) -> list[OrderChange]:
    return [change_of(order, OrderState.CANCELLED, "said so")]


def cancel_the_lost_leg_last(story: Story, patch: pytest.MonkeyPatch) -> None:
    cancel_right, waiting = route_packages._cancel, list[Order]()

    def cancel(context: CycleContext, order: Order, lost: route_packages._Leg) -> list[OrderChange]:
        if order is lost.order:
            waiting.append(order)
            return []
        changes = cancel_right(context, order, lost)
        return changes + [change for late in waiting for change in cancel_right(context, late, lost)]

    patch.setattr(route_packages, "_cancel", cancel)


def compensate_from_memory(story: Story, patch: pytest.MonkeyPatch) -> None:
    """Takes back only for what this process sent itself."""
    memory = set[ClientOrderId]()
    find_right, send_right = route_packages._find_lost, route_packages.send_orders

    def send(context: CycleContext, orders: Sequence[Order]) -> None:
        memory.update(order.client_order_id for order in orders)
        send_right(context, orders)

    def find(legs: Sequence[route_packages._Leg]) -> route_packages._Leg | None:
        lost = find_right(legs)
        return lost if lost and lost.order.client_order_id in memory else None

    story.forget = memory.clear
    patch.setattr(route_packages, "send_orders", send)
    patch.setattr(route_packages, "_find_lost", find)


MISTAKES: Mapping[str, tuple[Callable[[], Story], Callable[[Story, pytest.MonkeyPatch], None]]] = {
    "cancel left out": (
        lambda: Story(refused=frozenset({last_leg()})),
        lambda _, patch: patch.setattr(route_packages, "_cancel", answer_without_cancelling),
    ),
    "compensation from memory": (
        lambda: Story([WELL, WELL, WELL, DIES_BEFORE], refused=frozenset({last_leg()})),
        compensate_from_memory,
    ),
    "the lost leg last": (
        lambda: Story([WELL, WELL, LOST, WELL, DIES_AFTER, ARRIVES]),
        cancel_the_lost_leg_last,
    ),
    "the answer is not asked for": (
        lambda: Story([WELL, UNMARKED]),
        lambda _, patch: patch.setattr(
            "tradeops.services.cycle.route_orders.reconcile_orders", lambda _, orders: orders
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, put_in = MISTAKES[mistake]
    check_complete_or_compensated(begin())
    story = begin()
    put_in(story, monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_complete_or_compensated(story)


def test_mutant_without_the_look_at_the_claim_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.ledger.InMemoryLedger.renew_claim", lambda _self, _claim: None)
    with pytest.raises(AssertionError):
        check_who_lost_the_cycle_cancels_nothing()
