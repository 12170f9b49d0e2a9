"""What is on record is told once, in the order of its book, wherever the teller dies."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contract.examples import BOOK, asked_by, record_of, request_claim, settlement_of
from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.trading_calendar import FakeTradingCalendar
from tests.unit.examples import base_policy
from tradeops.domain.decisions import Decision
from tradeops.domain.errors import CorruptInput
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.events import Event, SessionSettled
from tradeops.domain.identifiers import BookId
from tradeops.domain.topics import DECISIONS, SETTLEMENTS
from tradeops.services import relay_outbox_once as relaying
from tradeops.services.relay_outbox_once import OutboxRelay

OTHER = BookId(run="other")
CALENDAR = FakeTradingCalendar([settlement_of(day).session for day in range(9)])


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@dataclass
class World:
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    log: InMemoryEventLog = field(default_factory=InMemoryEventLog)

    @property
    def relay(self) -> OutboxRelay:
        return OutboxRelay(ledger=self.ledger, log=self.log, calendar=CALENDAR, time=base_policy().time)

    def act(self, day: int, book: BookId = BOOK) -> Decision:
        """Settle and decide a session."""
        self.ledger.record_settlement(settlement_of(day, book=book), [])
        claim = self.ledger.claim_cycle(request_claim(day, book=book))
        record = record_of(claim)
        self.ledger.record_decision(claim, record, asked_by(claim))
        self.ledger.close_cycle(claim)
        return record.decision

    def relay_all(self) -> int:
        total = 0
        while count := self.relay.relay_outbox_once():
            total += count
        return total

    def told(self, topic: str) -> list[Event]:
        ends = self.log.end_offsets(topic)
        return [decode_event(message.value) for place in ends for message in self.log.read(topic, place, 0)]


def test_nothing_is_on_record() -> None:
    assert World().relay_all() == 0


def test_a_decision_is_told_with_its_orders_and_a_settlement_with_its_equity() -> None:
    world = World()
    decision = world.act(0)
    assert world.relay_all() == 2

    (event,) = world.told(DECISIONS.name)
    payload: Any = event.payload
    assert (payload.book, payload.session, payload.cycle_id) == (str(BOOK), decision.session, decision.cycle_id)
    assert (payload.outcome, payload.orders) == ("decided", tuple(order.client_order_id for order in decision.orders))
    assert (event.key, event.event_time) == (str(BOOK), decision.as_of)
    (settled,) = world.told(SETTLEMENTS.name)
    settlement = settlement_of(0)
    assert settled.payload == SessionSettled(
        book=str(BOOK), session=settlement.session, equity=settlement.equity, fills=0
    )


def check_everything_is_told_once_and_in_order(world: World) -> None:
    days = range(8)
    wanted = {str(book): [world.act(day, book).session for day in days] for book in (BOOK, OTHER)}
    world.relay_all()

    for topic in (DECISIONS.name, SETTLEMENTS.name):
        events = world.told(topic)
        assert Counter(event.event_id for event in events).most_common(1)[0][1] == 1
        found: dict[str, list[object]] = {book: [] for book in wanted}
        for event in events:
            found[event.key].append(event.payload.session)  # type: ignore[union-attr]
        assert found == wanted


@pytest.mark.parametrize("rows", [1, 3, 200])
def test_everything_is_told_once_and_in_order(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "MOST_ROWS", rows)
    check_everything_is_told_once_and_in_order(World())


@dataclass
class DyingLedger(InMemoryLedger):
    """Its process dies once after the log has the events and before the cursor moves."""

    died: bool = False

    def advance_outbox(self, told: Sequence[Any]) -> None:
        if not self.died:
            self.died = True
            raise Killed
        super().advance_outbox(told)


def check_told_once_although_the_teller_dies(world: World) -> None:
    world.act(0)
    with pytest.raises(Killed):
        world.relay_all()
    world.act(1)
    world.relay_all()
    for topic in (DECISIONS.name, SETTLEMENTS.name):
        events = world.told(topic)
        assert len(events) == len({event.event_id for event in events}) == 2


def test_told_once_although_the_teller_dies() -> None:
    check_told_once_although_the_teller_dies(World(ledger=DyingLedger()))


def test_mutant_that_does_not_look_at_the_log_tells_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OutboxRelay, "_list_told", lambda _self: set())

    with pytest.raises(AssertionError):
        check_told_once_although_the_teller_dies(World(ledger=DyingLedger()))


def test_row_that_nobody_tells_is_refused() -> None:
    world = World()
    world.act(0)
    world.ledger._tell(BOOK.stream, "gossip", "x")

    with pytest.raises(CorruptInput, match="gossip"):
        world.relay_all()
