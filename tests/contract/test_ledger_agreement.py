"""Fake and adapter give the same answers and write the same chains, whatever is done in whatever order."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.contract.conftest import FindStores, migrate
from tests.contract.databases import Stores
from tests.contract.examples import (
    AAPL,
    BOOK,
    ELSEWHERE,
    HERE,
    IBM,
    asked_by,
    change_of,
    fill_of,
    learner_state,
    order_of,
    record_of,
    request_claim,
    session_after,
    settlement_of,
)
from tests.fakes.ledger import InMemoryLedger
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.domain.claims import Claim, ClockMove
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.identifiers import BookId
from tradeops.domain.lifecycle import OrderState
from tradeops.domain.verdicts import KillSwitch
from tradeops.ports.ledger import Ledger

BOOKS = (BOOK, BookId(run="other"))
DAYS = st.integers(0, 1)
OWNERS = st.sampled_from([HERE, ELSEWHERE])
EXPIRED, LASTING = 0.0, 1000.0


class LedgersAgree(RuleBasedStateMachine):
    """The same calls on both; results, refusals and chains must be equal."""

    def __init__(self) -> None:
        super().__init__()
        self.url = self.make_database()
        self.sql: SqlLedger = open_ledger(self.url)
        self.fake = self.make_fake()
        self.claims: list[Claim] = []

    stores: Stores
    make_database: Callable[[], str]
    make_fake: Callable[[], InMemoryLedger] = InMemoryLedger

    def both(self, call: Callable[[Ledger], object]) -> object:
        answers = []
        for ledger in (self.sql, self.fake):
            try:
                answers.append(call(ledger))
            except TradeOpsError as error:
                answers.append(type(error))
        assert answers[0] == answers[1]
        return answers[0]

    @initialize()
    def first_claim(self) -> None:
        self.claim(0, BOOK, HERE, EXPIRED)

    @rule(day=DAYS, book=st.sampled_from(BOOKS), owner=OWNERS, ttl=st.sampled_from([EXPIRED, LASTING]))
    def claim(self, day: int, book: BookId, owner: object, ttl: float) -> None:
        request = request_claim(day, book=book, owner=owner, ttl_seconds=ttl)  # type: ignore[arg-type]
        answer = self.both(lambda ledger: ledger.claim_cycle(request))
        if isinstance(answer, Claim):
            self.claims.append(answer)

    @rule(data=st.data(), uniform=st.sampled_from([0.25, 0.25, 0.75]))
    def record(self, data: st.DataObject, uniform: float) -> None:
        claim = data.draw(st.sampled_from(self.claims[-2:]))
        record = record_of(claim, uniform=uniform)
        self.both(lambda ledger: ledger.record_decision(claim, record, asked_by(claim)))

    @rule(data=st.data(), state=st.sampled_from(OrderState), name=st.sampled_from([AAPL, IBM]))
    def change(self, data: st.DataObject, state: OrderState, name: object) -> None:
        claim = data.draw(st.sampled_from(self.claims[-2:]))
        changes = [change_of(order_of(claim, name), state)]  # type: ignore[arg-type]
        self.both(lambda ledger: ledger.record_order_changes(claim, changes))

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims[-2:]))
        self.both(lambda ledger: ledger.close_cycle(claim))

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims[-2:]))
        self.both(lambda ledger: ledger.renew_claim(claim))

    @rule(data=st.data(), final=st.sampled_from([OrderState.FILLED, OrderState.EXPIRED]), cash=st.sampled_from("12"))
    def settle(self, data: st.DataObject, final: OrderState, cash: str) -> None:
        claim = data.draw(st.sampled_from(self.claims[-2:]))
        order, day = order_of(claim, AAPL), (claim.session - session_after(0)).days + 1
        fills = (fill_of(order),) if final is OrderState.FILLED else ()
        settlement = settlement_of(day, book=claim.book_id, cash=cash, fills=fills, changes=(change_of(order, final),))
        self.both(lambda ledger: ledger.record_settlement(settlement, [learner_state(day)]))

    @rule(level=st.sampled_from(KillSwitch), book=st.sampled_from(BOOKS))
    def switch(self, level: KillSwitch, book: BookId) -> None:
        self.both(lambda ledger: ledger.set_kill_switch(book, level, person="ann", reason="drill"))

    @rule(before=st.none() | DAYS, request=st.integers(0, 3))
    def move_clock(self, before: int | None, request: int) -> None:
        move = ClockMove(
            before=None if before is None else session_after(before),
            after=session_after(1 + (before or 0)),
            sessions=1,
            requested_by=f"event/{request}",
        )
        self.both(lambda ledger: ledger.record_clock_move(move))

    @invariant()
    def chains_are_equal(self) -> None:
        self.both(lambda ledger: (ledger.chain_heads(), ledger.count_rows(), ledger.market_clock()))

    @invariant()
    def reads_are_equal(self) -> None:
        for book in BOOKS:
            self.both(lambda ledger, book=book: (ledger.order_states(book), ledger.kill_switch(book)))  # type: ignore[misc]
            self.both(lambda ledger, book=book: (ledger.list_fills(book), ledger.last_closed_session(book)))  # type: ignore[misc]
            self.both(lambda ledger, book=book: ledger.latest_settlement(book))  # type: ignore[misc]
            self.both(lambda ledger, book=book: list(ledger.list_decisions(book)))  # type: ignore[misc]

    def teardown(self) -> None:
        self.sql.verify_chains()
        self.sql.close()
        self.stores.remove(self.url)


def run_on(machine: type[LedgersAgree], find_stores: FindStores, kind: str, thoroughness: settings) -> None:
    found, kept = find_stores(kind)
    places = {"stores": found, "make_database": staticmethod(lambda: kept.copy(migrate))}
    run_state_machine_as_test(type("OnDatabase", (machine,), places), settings=thoroughness)


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 30), ("postgres", 15)])
def test_ledgers_agree(find_stores: FindStores, kind: str, examples: int) -> None:
    run_on(LedgersAgree, find_stores, kind, settings(max_examples=examples, stateful_step_count=25, deadline=None))


class LateFake(InMemoryLedger):
    """The mutant: it lets the owner of a closed cycle write."""

    def _refuse_closed(self, held: object) -> None:
        pass


class LedgersDisagree(LedgersAgree):
    make_fake = LateFake


def test_mutant_is_found(find_stores: FindStores) -> None:
    # Found is enough: a shortest example takes minutes.
    thorough = settings(
        max_examples=300, stateful_step_count=25, deadline=None, derandomize=True, phases=[Phase.generate]
    )
    with pytest.raises(AssertionError):
        run_on(LedgersDisagree, find_stores, "sqlite", thorough)
