"""A broker takes an order once and tells its executions as often as asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from tests.contract.conftest import KINDS, FindStores
from tests.contract.databases import Stores, beside, change
from tests.contract.examples import (
    AAPL,
    BOOK,
    IBM,
    change_of,
    fill_of,
    order_of,
    request_claim,
    session_after,
)
from tests.fakes.broker import InMemoryBroker
from tradeops.adapters.broker_paper import PaperBroker, rows
from tradeops.domain.books import Book
from tradeops.domain.errors import CoordinationError, ExecutionError
from tradeops.domain.identifiers import BookId, ClientOrderId, PackageId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.orders import Order, Side
from tradeops.ports.broker import Broker, SessionExecutions

ACCOUNT = Book(cash=Decimal(100_000))
OpenBroker = Callable[[], Broker]


def fill_all(_session: date, _account: Book, orders: Sequence[Order]) -> SessionExecutions:
    changes = tuple(change_of(order, OrderState.FILLED, "filled") for order in orders)
    return SessionExecutions(fills=tuple(fill_of(order) for order in orders), changes=changes)


def refuse_large(order: Order) -> str | None:
    return "more than the lot" if order.quantity > 1000 else None


def make_order(day: int = 0, name: str = AAPL, quantity: str = "40") -> Order:
    return order_of(request_claim(day), name, quantity)  # type: ignore[arg-type]


@pytest.fixture
def broker_url(stores: Stores) -> Iterator[str]:
    url = stores.empty()
    yield url
    stores.remove(url)


@pytest.fixture
def open_paper(broker_url: str) -> Iterator[Callable[[], PaperBroker]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(PaperBroker(broker_url, execute=fill_all, accepts=refuse_large))


@pytest.fixture(params=["memory", *KINDS])
def open_another(request: pytest.FixtureRequest, find_stores: FindStores) -> Iterator[OpenBroker]:
    if request.param == "memory":
        fake = InMemoryBroker(fill_all, refuse_large)
        yield lambda: fake
        return
    stores = find_stores(request.param)[0]
    url = stores.empty()
    with ExitStack() as stack:
        yield lambda: stack.enter_context(PaperBroker(url, execute=fill_all, accepts=refuse_large))
    stores.remove(url)


def test_an_order_is_accepted_or_rejected_with_the_reason(open_another: OpenBroker) -> None:
    broker = open_another()
    accepted, refused = make_order(), make_order(name=IBM, quantity="1001")
    assert broker.submit(BOOK, accepted) == change_of(accepted, OrderState.SUBMITTED, "accepted")
    assert broker.submit(BOOK, refused) == change_of(refused, OrderState.REJECTED, "more than the lot")


def check_an_order_is_taken_once(open_another: OpenBroker) -> None:
    """A second sending gets the first answer and changes nothing."""
    order = make_order()
    first = open_another().submit(BOOK, order)
    again = open_another()
    assert again.submit(BOOK, order) == first
    assert again.submit(BOOK, replace(order, quantity=Decimal(5000), side=Side.SELL)) == first
    assert again.submit(BookId(run="other"), order) == first
    executed = again.executions(BOOK, order.valid_on, ACCOUNT)
    assert [fill.signed_quantity for fill in executed.fills] == [order.quantity]
    assert again.executions(BookId(run="other"), order.valid_on, ACCOUNT).fills == ()


def test_an_order_is_taken_once(open_another: OpenBroker) -> None:
    check_an_order_is_taken_once(open_another)


def test_mutant_that_forgets_is_refused_by_the_key(open_paper: OpenBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "find_answers", lambda _connection, _orders: {})
    with pytest.raises(CoordinationError, match=r"(?i)unique"):
        check_an_order_is_taken_once(open_paper)


def test_mutant_fake_that_takes_the_last_word_is_found() -> None:
    class Forgetful(InMemoryBroker):
        def submit(self, book_id: BookId, order: Order):  # type: ignore[no-untyped-def]
            self.orders.pop(order.client_order_id, None)
            return super().submit(book_id, order)

    broker = Forgetful(fill_all, refuse_large)
    with pytest.raises(AssertionError):
        check_an_order_is_taken_once(lambda: broker)


def test_what_the_broker_has_is_found_and_nothing_else(open_another: OpenBroker) -> None:
    order, refused = make_order(), make_order(name=IBM, quantity="1001")
    answers = [open_another().submit(BOOK, one) for one in (order, refused)]
    wanted = [order.client_order_id, ClientOrderId("never sent"), refused.client_order_id]
    assert open_another().find(wanted) == {answer.client_order_id: answer for answer in answers}
    assert open_another().find([]) == {}


def test_every_order_is_listed_whole_with_its_first_answer(
    open_another: OpenBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE", 2)
    assert list(open_another().list_orders()) == []
    orders = [make_order(day, name, quantity) for day in range(2) for name, quantity in ((AAPL, "40"), (IBM, "1001"))]
    answers = {order.client_order_id: open_another().submit(BOOK, order) for order in orders}
    open_another().submit(BOOK, replace(orders[0], quantity=Decimal(41)))
    expected = sorted(orders, key=lambda order: order.client_order_id)
    assert [(taken.order, taken.answer) for taken in open_another().list_orders()] == [
        (order, answers[order.client_order_id]) for order in expected
    ]


def test_executions_cover_the_accepted_orders_of_book_and_session(open_another: OpenBroker) -> None:
    broker = open_another()
    today = [make_order(name=IBM), make_order(name=AAPL)]
    for order in (*today, make_order(1), make_order(name="MSFT", quantity="1001")):
        broker.submit(BOOK, order)
    executed = broker.executions(BOOK, session_after(1), ACCOUNT)
    assert executed == fill_all(session_after(1), ACCOUNT, sorted(today, key=lambda order: order.client_order_id))
    assert broker.executions(BOOK, session_after(9), ACCOUNT) == SessionExecutions(fills=(), changes=())


def test_executions_are_the_same_at_every_call(open_another: OpenBroker) -> None:
    open_another().submit(BOOK, make_order())
    answers = [open_another().executions(BOOK, session_after(1), ACCOUNT) for _ in range(3)]
    assert answers[0].fills
    assert answers[0] == answers[1] == answers[2]


def test_orders_are_read_back_whole(broker_url: str) -> None:
    seen: list[Order] = []

    def look(_session: date, account: Book, orders: Sequence[Order]) -> SessionExecutions:
        assert account == ACCOUNT
        seen.extend(orders)
        return SessionExecutions(fills=(), changes=())

    order = replace(make_order(), reference_price=Decimal("123456789012.12345678"))
    with PaperBroker(broker_url, execute=look, accepts=refuse_large) as broker:
        broker.submit(BOOK, order)
        broker.executions(BOOK, order.valid_on, ACCOUNT)
    assert seen == [order]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE answers SET state = 'rejected'",
        "DELETE FROM answers",
        "UPDATE endings SET state = 'filled'",
        "DELETE FROM endings",
    ],
)
def test_answers_and_endings_are_never_changed(open_paper: OpenBroker, broker_url: str, statement: str) -> None:
    broker, leg = open_paper(), make_leg()
    broker.submit(BOOK, leg)
    broker.cancel(BOOK, leg.client_order_id)
    with beside(broker_url) as connection, pytest.raises(IntegrityError, match="never changed"):
        change(connection, statement)


# Legs of packages are taken back


def make_leg(day: int = 0, name: str = AAPL, quantity: str = "40") -> Order:
    return replace(make_order(day, name, quantity), package=PackageId("hedged"))


def check_a_leg_is_taken_back(open_another: OpenBroker) -> None:
    """It never fills, whoever asks and however often it is sent and taken back again; the other leg does."""
    broker, leg, other = open_another(), make_leg(), make_leg(name=IBM)
    for order in (leg, other):
        broker.submit(BOOK, order)
    cancelled = change_of(leg, OrderState.CANCELLED, "cancelled before its session")
    for each in (broker, open_another()):
        assert each.cancel(BOOK, leg.client_order_id) == cancelled
        assert each.submit(BOOK, leg) == cancelled
    assert broker.find([leg.client_order_id])[leg.client_order_id] == cancelled
    executed = broker.executions(BOOK, leg.valid_on, ACCOUNT)
    assert [change.client_order_id for change in executed.changes] == [other.client_order_id]
    listed = {taken.order.client_order_id: (taken.answer.state, taken.cancelled) for taken in broker.list_orders()}
    assert listed == {
        leg.client_order_id: (OrderState.SUBMITTED, True),
        other.client_order_id: (OrderState.SUBMITTED, False),
    }


def test_a_leg_is_taken_back(open_another: OpenBroker) -> None:
    check_a_leg_is_taken_back(open_another)


def test_mutant_that_executes_what_was_cancelled_is_found(
    open_paper: OpenBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_all(connection: Connection, _book_id: BookId, _session: date) -> list[Order]:
        return [taken.order for taken in rows.read_page(connection, "", rows.PAGE)]

    monkeypatch.setattr(rows, "read_open", read_all)
    with pytest.raises(AssertionError):
        check_a_leg_is_taken_back(open_paper)


def check_what_is_cancelled_before_it_arrives_is_not_taken(open_another: OpenBroker) -> None:
    leg = make_leg()
    cancelled = change_of(leg, OrderState.CANCELLED, "cancelled before it arrived")
    assert open_another().cancel(BOOK, leg.client_order_id) == cancelled
    broker = open_another()
    assert broker.find([leg.client_order_id]) == {leg.client_order_id: cancelled}
    assert broker.submit(BOOK, leg) == cancelled
    assert list(broker.list_orders()) == []
    assert broker.executions(BOOK, leg.valid_on, ACCOUNT).changes == ()


def test_what_is_cancelled_before_it_arrives_is_not_taken(open_another: OpenBroker) -> None:
    check_what_is_cancelled_before_it_arrives_is_not_taken(open_another)


def test_mutant_that_does_not_remember_a_cancel_is_found(
    open_paper: OpenBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "insert_endings", lambda _connection, _changes: None)
    with pytest.raises(AssertionError):
        check_what_is_cancelled_before_it_arrives_is_not_taken(open_paper)


def test_a_cancel_after_the_session_comes_too_late(open_another: OpenBroker) -> None:
    broker, leg = open_another(), make_leg()
    broker.submit(BOOK, leg)
    executed = broker.executions(BOOK, leg.valid_on, ACCOUNT)
    assert open_another().cancel(BOOK, leg.client_order_id) == executed.changes[0]
    assert executed.changes[0].state is OrderState.FILLED
    assert open_another().executions(BOOK, leg.valid_on, ACCOUNT) == executed
    assert broker.find([leg.client_order_id])[leg.client_order_id].state is OrderState.SUBMITTED


def test_a_rejected_leg_stays_rejected(open_another: OpenBroker) -> None:
    leg = make_leg(quantity="1001")
    refused = open_another().submit(BOOK, leg)
    assert open_another().cancel(BOOK, leg.client_order_id) == refused
    assert open_another().find([leg.client_order_id]) == {leg.client_order_id: refused}


@pytest.mark.parametrize(("order", "book"), [(make_order(), BOOK), (make_leg(), BookId(run="other"))])
def test_only_legs_of_the_books_own_packages_are_taken_back(
    open_another: OpenBroker, order: Order, book: BookId
) -> None:
    broker = open_another()
    broker.submit(BOOK, order)
    with pytest.raises(ExecutionError, match="no leg of a package"):
        broker.cancel(book, order.client_order_id)
    assert broker.executions(BOOK, order.valid_on, ACCOUNT).fills
