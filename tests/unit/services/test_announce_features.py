"""Whoever decides hears of each delivered session once, and of history never."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.unit.examples import base_policy
from tradeops.domain.claims import ClockMove
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.topics import FEATURES
from tradeops.ports.event_log import NewMessage
from tradeops.services import announce_features as announcing
from tradeops.services.announce_features import announce_features

DAYS = business_days(date(2001, 3, 1), 60)
CALENDAR = FakeTradingCalendar(DAYS)


@dataclass
class World:
    log: InMemoryEventLog = field(default_factory=InMemoryEventLog)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)

    def move(self, sessions: int) -> None:
        before = self.ledger.market_clock()
        place = DAYS.index(before) if before else -1
        after = DAYS[place + sessions]
        self.ledger.record_clock_move(
            ClockMove(before=before, after=after, sessions=sessions, requested_by=f"request {after}")
        )

    def announce(self) -> tuple[date, ...]:
        return announce_features(self.log, self.ledger, CALENDAR, base_policy().time)

    def told(self) -> list[Any]:
        return [decode_event(message.value).payload for message in self.log.read(FEATURES.name, 0, 0)]


def test_nothing_is_said_before_the_clock_moves_and_nothing_of_history() -> None:
    world = World()
    assert world.announce() == ()
    world.move(2)  # the first move has nothing before it
    assert world.announce() == ()
    world.move(25)  # a backfill
    assert world.announce() == ()
    assert world.told() == []


def check_delivered_sessions_are_announced_once(world: World) -> None:
    world.move(30)
    for count in (1, 3):
        world.move(count)
        world.announce()
        world.announce()

    assert [(told.session, told.market) for told in world.told()] == [
        (DAYS[30], 2),
        (DAYS[31], 3),
        (DAYS[32], 3),
        (DAYS[33], 3),
    ]


def test_delivered_sessions_are_announced_once() -> None:
    check_delivered_sessions_are_announced_once(World())


def test_mutant_that_forgets_what_was_announced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "_find_announced", lambda _log: None)

    with pytest.raises(AssertionError):
        check_delivered_sessions_are_announced_once(World())


def test_of_two_moves_in_between_only_the_newest_is_announced() -> None:
    world = World()
    world.move(30)
    world.move(1)
    world.move(1)

    assert world.announce() == (DAYS[31],)


def test_rubbish_at_the_end_of_the_topic_is_passed_over() -> None:
    world = World()
    world.move(30)
    world.move(1)
    world.announce()
    world.log.append([NewMessage(topic=FEATURES.name, key="XNYS", value=b"\xff rubbish")])

    assert world.announce() == ()


def test_event_says_when_the_session_may_be_decided_and_is_the_same_when_said_again() -> None:
    events = []
    for _ in range(2):
        world = World()
        world.move(30)
        world.move(1)
        world.announce()
        events.append(decode_event(world.log.read(FEATURES.name, 0, 0)[0].value))

    assert events[0].event_id == events[1].event_id
    assert events[0].event_time == CALENDAR.closes_at(DAYS[30])
    assert events[0].known_time == datetime(2001, DAYS[30].month, DAYS[30].day, 21, 30, tzinfo=UTC)
