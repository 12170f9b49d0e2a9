"""Takes a book through sessions with orders that a test chose: recorded, routed, settled."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tradeops.domain.claims import ClaimRequest, InboxKey, Owner
from tradeops.domain.decisions import CycleInputs, Decision, DecisionRecord, DecisionTrace, Outcome
from tradeops.domain.identifiers import (
    BookId,
    BundleId,
    ClientOrderId,
    CycleId,
    InstrumentId,
    ValueRef,
    content_hash,
)
from tradeops.domain.orders import Order, OrderChange, Side
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.broker import Broker
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.ports.value_store import ValueStore
from tradeops.services.settle_session import settle_session

OWNER = Owner(host="test", pid=1, started=1.0)
NOTHING_MEASURED = DecisionTrace(fingerprint={}, owner=str(OWNER), epoch=1, seconds={})


@dataclass(frozen=True)
class Wish:
    """An order before it has sessions; `name` sorts it among the session's orders."""

    name: str
    side: Side
    instrument: str
    quantity: int


@dataclass
class BookRunner:
    ledger: Ledger
    values: ValueStore
    broker: Broker
    source: MarketSource
    calendar: TradingCalendar
    policy: TradingPolicy
    book_id: BookId = field(default_factory=BookId)
    opens_on: date | None = None

    def settle(self, session: date) -> Settlement:
        return settle_session(
            ledger=self.ledger,
            values=self.values,
            broker=self.broker,
            source=self.source,
            calendar=self.calendar,
            policy=self.policy,
            book_id=self.book_id,
            opens_on=self.opens_on or self.policy.account.opens_on,
            session=session,
        )

    def decide(
        self,
        session: date,
        wishes: Sequence[Wish],
        *,
        forecasts: ValueRef | None = None,
        inputs: CycleInputs | None = None,
        route: bool = True,
        close: bool = True,
    ) -> tuple[OrderChange, ...]:
        """Record a decision with these orders; the broker's answers, ascending by order id."""
        claim = self.ledger.claim_cycle(self._request(session))
        orders = tuple(sorted((self._order(session, wish) for wish in wishes), key=lambda o: o.client_order_id))
        decision = Decision(
            cycle_id=claim.cycle_id,
            book_id=self.book_id,
            session=session,
            next_session=self.calendar.next_session(session),
            as_of=bar_known_at(self.calendar, self.policy.time, session),
            watermark=claim.watermark,
            outcome=Outcome.DECIDED,
            inputs=inputs,
            opinions={},
            forecasts=forecasts,
            orders=orders,
        )
        key = InboxKey(consumer=str(self.book_id), topic="test", event_id=session.isoformat())
        self.ledger.record_decision(claim, DecisionRecord(decision=decision, trace=NOTHING_MEASURED), key)
        answers = tuple(self.broker.submit(self.book_id, order) for order in orders if route)
        self.ledger.record_order_changes(claim, answers)
        if close:
            self.ledger.close_cycle(claim)
        return answers

    def _request(self, session: date) -> ClaimRequest:
        return ClaimRequest(
            cycle_id=CycleId(content_hash(["cycle", str(self.book_id), session])),
            book_id=self.book_id,
            session=session,
            as_of=bar_known_at(self.calendar, self.policy.time, session),
            bundle=BundleId("b" * 64),
            universe_version="u" * 64,
            owner=OWNER,
        )

    def _order(self, session: date, wish: Wish) -> Order:
        return Order(
            client_order_id=ClientOrderId(f"{session:%Y%m%d}-{wish.name}"),
            cycle_id=CycleId(content_hash(["cycle", str(self.book_id), session])),
            instrument=InstrumentId(wish.instrument),
            side=wish.side,
            quantity=Decimal(wish.quantity),
            reference_price=Decimal(1),
            decided_on=session,
            valid_on=self.calendar.next_session(session),
        )
