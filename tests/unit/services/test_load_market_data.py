"""The market is loaded once a request, nothing lost or doubled, and the clock moves last."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.lake import InMemoryLake
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.raw_source import FakeRawSource, make_raw_bar
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import ConfigurationError, LeaseHeld, SourceExhausted
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.lake_tables import BARS_TABLE
from tradeops.domain.topics import BARS, BARS_RAW, SEALED, SESSIONS
from tradeops.execution.session_market import bar_known_at
from tradeops.ports.event_log import EventLog, Message
from tradeops.services import load_market_data, publish_records
from tradeops.services.dead_letters import list_dead_letters, redrive_dead_letters
from tradeops.services.load_market_data import HOLD, MarketLoader
from tradeops.services.seal_lake import seal_lake_once

DAYS = business_days(date(2001, 3, 1), 30)
CALENDAR = FakeTradingCalendar(DAYS)
POLICY = load_policy()
NAMES = ("A", "B")


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@dataclass
class World:
    source: FakeRawSource = field(default_factory=lambda: FakeRawSource.of_bars(CALENDAR, NAMES, DAYS[:25]))
    log: InMemoryEventLog = field(default_factory=InMemoryEventLog)
    lake: InMemoryLake = field(default_factory=InMemoryLake)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)

    @property
    def loader(self) -> MarketLoader:
        return MarketLoader(
            log=self.log,
            lake=self.lake,
            ledger=self.ledger,
            source=self.source,
            calendar=CALENDAR,
            policy=POLICY,
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def messages(self, topic: str) -> list[Message]:
        ends = self.log.end_offsets(topic)
        return [message for partition in ends for message in self.log.read(topic, partition, 0, 10_000)]

    def in_lake(self) -> list[tuple[date, str]]:
        return self.lake.read(BARS_TABLE, columns=["session", "instrument"]).rows()

    def announced(self) -> list[date]:
        payloads: list[Any] = [decode_event(message.value).payload for message in self.messages(SESSIONS.name)]
        return [payload.session for payload in payloads]


@pytest.fixture(params=[False, True], ids=["dense offsets", "offsets with gaps"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(load_market_data, "WINDOW_SESSIONS", 4)
    return World(log=InMemoryEventLog(marks=request.param))


def bars_of(days: tuple[date, ...]) -> list[tuple[date, str]]:
    return [(day, name) for day in days for name in NAMES]


def test_first_backfill_loads_every_session_up_to_the_date(world: World) -> None:
    move = world.loader.backfill_history(DAYS[9], requested_by="a")

    assert (move.before, move.after, move.sessions) == (None, DAYS[9], 10)
    assert world.ledger.market_clock() == DAYS[9]
    assert world.in_lake() == bars_of(DAYS[:10])
    assert world.announced() == list(DAYS[:10])
    assert move.counts == {"published": 20, "validated": 20, "dead": 0, "sealed": 20, "duplicates": 0}
    assert sum(move.positions.values()) == 20
    assert world.ledger.find_clock_move("a") == move


def test_backfill_up_to_a_day_without_session_ends_at_the_session_before(world: World) -> None:
    assert world.loader.backfill_history(date(2001, 3, 10), requested_by="a").after == date(2001, 3, 9)


def test_same_request_again_loads_nothing_and_gives_the_first_answer(world: World) -> None:
    first = world.loader.ingest_sessions(3, requested_by="b")
    world.loader.ingest_sessions(1, requested_by="c")
    backfill = world.loader.backfill_history(DAYS[9], requested_by="d")
    appends = world.log.appends

    assert world.loader.ingest_sessions(3, requested_by="b") == first
    assert world.loader.backfill_history(DAYS[9], requested_by="d") == backfill
    assert world.log.appends == appends
    assert world.ledger.market_clock() == DAYS[9]


def test_later_backfill_reads_on_from_the_clock(world: World) -> None:
    world.loader.backfill_history(DAYS[9], requested_by="a")
    move = world.loader.backfill_history(DAYS[14], requested_by="b")

    assert (move.before, move.after, move.sessions) == (DAYS[9], DAYS[14], 5)
    assert move.counts["published"] == 10


@pytest.mark.parametrize(("until", "again"), [(DAYS[9], 20), (DAYS[3], 8)], ids=["same date", "earlier date"])
def test_range_that_is_loaded_is_read_again_and_changes_nothing(until: date, again: int, world: World) -> None:
    world.loader.backfill_history(DAYS[9], requested_by="a")
    move = world.loader.backfill_history(until, requested_by="b")

    assert (move.before, move.after, move.sessions) == (DAYS[9], DAYS[9], 0)
    assert move.counts == {"published": again, "validated": again, "dead": 0, "sealed": 0, "duplicates": again}
    assert world.in_lake() == bars_of(DAYS[:10])
    assert world.announced() == list(DAYS[:10])
    assert world.loader.backfill_history(until, requested_by="b") == move


def test_range_that_is_read_again_brings_what_was_corrected(world: World) -> None:
    world.loader.backfill_history(DAYS[9], requested_by="a")
    late = bar_known_at(CALENDAR, POLICY.time, DAYS[5]).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.source.records.append(
        make_raw_bar(CALENDAR, "A", DAYS[2], sequence="corrected", known_time=late, close="9.99", low="9.99")
    )
    counts = world.loader.backfill_history(DAYS[9], requested_by="b").counts

    assert (counts["sealed"], counts["duplicates"]) == (1, 20)
    assert world.in_lake().count((DAYS[2], "A")) == 2


def test_given_first_session_loads_from_there_only(world: World) -> None:
    move = world.loader.backfill_history(DAYS[9], first=DAYS[4], requested_by="a")

    assert (move.before, move.after, move.sessions) == (None, DAYS[9], 6)
    assert world.in_lake() == bars_of(DAYS[4:10])


def test_given_first_session_before_the_clock_reads_again_from_there(world: World) -> None:
    world.loader.backfill_history(DAYS[9], requested_by="a")
    move = world.loader.backfill_history(DAYS[11], first=DAYS[7], requested_by="b")

    assert (move.before, move.after, move.sessions) == (DAYS[9], DAYS[11], 2)
    assert (move.counts["sealed"], move.counts["duplicates"]) == (4, 6)


def test_first_session_that_leaves_some_out_is_refused(world: World) -> None:
    world.loader.backfill_history(DAYS[9], requested_by="a")

    with pytest.raises(ConfigurationError, match=f"begin at {DAYS[10]}"):
        world.loader.backfill_history(DAYS[14], first=DAYS[12], requested_by="b")
    assert world.loader.backfill_history(DAYS[14], first=DAYS[10], requested_by="c").sessions == 5


def test_backfill_past_the_source_is_refused_before_anything_moves(world: World) -> None:
    with pytest.raises(SourceExhausted, match="ends on"):
        world.loader.backfill_history(DAYS[27], requested_by="a")
    assert world.ledger.market_clock() is None
    assert world.log.appends == 0


@pytest.mark.parametrize("first", [None, DAYS[3]])
def test_range_without_a_session_is_refused(first: date | None, world: World) -> None:
    with pytest.raises(SourceExhausted, match="no session from"):
        world.loader.backfill_history(date(2001, 2, 1), first=first, requested_by="a")


def test_ingest_loads_the_next_sessions(world: World) -> None:
    world.loader.backfill_history(DAYS[9], requested_by="a")
    move = world.loader.ingest_sessions(3, requested_by="b")

    assert (move.before, move.after, move.sessions) == (DAYS[9], DAYS[12], 3)
    assert world.in_lake() == bars_of(DAYS[:13])


def test_last_ingest_loads_what_is_left_and_the_next_one_says_so(world: World) -> None:
    world.loader.backfill_history(DAYS[22], requested_by="a")

    assert world.loader.ingest_sessions(20, requested_by="b").sessions == 2
    with pytest.raises(SourceExhausted, match="no session after"):
        world.loader.ingest_sessions(1, requested_by="c")


@pytest.mark.parametrize("count", [0, -1, 21])
def test_number_of_sessions_outside_one_to_twenty_is_refused(count: int, world: World) -> None:
    with pytest.raises(ConfigurationError, match="1 to 20"):
        world.loader.ingest_sessions(count, requested_by="a")


def test_nothing_is_loaded_while_another_process_loads(world: World) -> None:
    with world.log.hold(HOLD), pytest.raises(LeaseHeld):
        world.loader.ingest_sessions(1, requested_by="a")
    assert world.log.appends == 0


@pytest.mark.parametrize(("group", "topic"), [("ingest", BARS_RAW.name), ("seal", BARS.name)])
def test_clock_stands_while_another_process_has_records_in_hand(group: str, topic: str, world: World) -> None:
    other = world.log.open_consumer(group, [topic])
    other.poll()

    with pytest.raises(LeaseHeld, match=f"group {group} still reads {topic}"):
        world.loader.ingest_sessions(2, requested_by="a")
    assert world.ledger.market_clock() is None
    other.close()
    assert world.loader.ingest_sessions(2, requested_by="a").sessions == 2
    assert world.in_lake() == bars_of(DAYS[:2])


def test_another_process_that_seals_is_waited_for(world: World) -> None:
    """As where `tradeops seal` runs: it has the partition, and the clock moves when it is through."""
    other = world.log.open_consumer("seal", [topic.name for topic in SEALED])
    other.poll()
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            seal_lake_once(other, world.lake)

    loader = replace(world.loader, pause=pause)
    assert loader.ingest_sessions(2, requested_by="a").sessions == 2
    assert world.in_lake() == bars_of(DAYS[:2])
    assert len(waited) == 3


def test_another_process_is_not_waited_for_longer_than_asked(world: World) -> None:
    other = world.log.open_consumer("ingest", [BARS_RAW.name])
    other.poll()
    waited: list[float] = []

    with pytest.raises(LeaseHeld):
        replace(world.loader, pause=waited.append, wait_seconds=1.0).ingest_sessions(2, requested_by="a")
    assert sum(waited) == pytest.approx(1.0)


def break_records(world: World) -> None:
    world.source.records[4] = make_raw_bar(CALENDAR, "A", DAYS[2], high="9.99")
    world.source.records[9] = make_raw_bar(CALENDAR, "B", DAYS[4], volume="-1")


def test_broken_records_are_kept_apart_and_the_rest_is_loaded(world: World) -> None:
    break_records(world)
    counts = world.loader.backfill_history(DAYS[9], requested_by="a").counts

    assert counts == {"published": 20, "validated": 18, "dead": 2, "sealed": 18, "duplicates": 0}
    assert len(list_dead_letters(world.log)) == 2
    assert len(world.in_lake()) == 18


def test_broken_records_are_no_second_dead_letter_when_their_range_is_read_again(world: World) -> None:
    break_records(world)
    world.loader.backfill_history(DAYS[9], requested_by="a")
    world.source.records[4] = make_raw_bar(CALENDAR, "A", DAYS[2])
    counts = world.loader.backfill_history(DAYS[9], requested_by="b").counts

    assert counts == {"published": 19, "validated": 19, "dead": 0, "sealed": 1, "duplicates": 18}
    assert len(list_dead_letters(world.log)) == 2


PLACES: dict[str, tuple[str, Callable[..., Any]]] = {
    "append": ("tests.fakes.event_log.InMemoryEventLog.append", InMemoryEventLog.append),
    "ingest": ("tradeops.services.ingest_events.ingest_events", load_market_data.ingest_events.ingest_events),
    "lake": ("tests.fakes.lake.InMemoryLake.append", InMemoryLake.append),
    "seal": ("tradeops.services.seal_lake.seal_lake", load_market_data.seal_lake.seal_lake),
    "announce": ("tradeops.services.load_market_data.announce_sessions", load_market_data.announce_sessions),
    "move": ("tests.fakes.ledger.InMemoryLedger.record_clock_move", InMemoryLedger.record_clock_move),
}


def kill_at(monkeypatch: pytest.MonkeyPatch, place: str, call: int, *, after: bool) -> None:
    """Die before or after the n-th call of a place, once."""
    target, inner = PLACES[place]
    calls = iter(range(1, 100))

    def dying(*args: Any, **named: Any) -> Any:
        number = next(calls)
        if number == call and not after:
            raise Killed
        result = inner(*args, **named)
        if number == call:
            raise Killed
        return result

    monkeypatch.setattr(target, dying)


def check_resumes(world: World, request: Callable[[MarketLoader], ClockMove]) -> None:
    with pytest.raises(Killed):
        request(world.loader)
    world.log.expire_members("ingest")
    world.log.expire_members("seal")
    move = request(world.loader)
    assert (move.after, move.sessions) == (DAYS[9], 10)
    assert len(world.messages(BARS_RAW.name)) == 20
    broken = {world.source.records[row].value for row in (4, 9)}
    letters = [letter.value for letter in list_dead_letters(world.log)]
    assert (len(letters), set(letters)) == (2, broken)
    assert world.in_lake() == [row for row in bars_of(DAYS[:10]) if row not in [(DAYS[2], "A"), (DAYS[4], "B")]]
    assert world.announced() == list(DAYS[:10])
    assert world.ledger.market_sequence() == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("place", "call"),
    [*(("append", number) for number in (1, 2, 3)), *((place, 1) for place in PLACES if place != "append")],
)
def test_killed_load_goes_on_when_it_comes_again(
    place: str, call: int, after: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_records(world)
    kill_at(monkeypatch, place, call, after=after)

    check_resumes(world, lambda loader: loader.backfill_history(DAYS[9], requested_by="a"))


def test_another_request_goes_on_where_a_killed_one_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    break_records(world)
    kill_at(monkeypatch, "append", 2, after=True)
    names = iter("ab")

    check_resumes(world, lambda loader: loader.backfill_history(DAYS[9], requested_by=next(names)))


def test_mutant_that_forgets_what_was_published_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    break_records(world)
    kill_at(monkeypatch, "append", 2, after=True)
    monkeypatch.setattr(publish_records, "_list_newest", lambda _log: [])

    with pytest.raises(AssertionError):
        check_resumes(world, lambda loader: loader.backfill_history(DAYS[9], requested_by="a"))


def test_mutant_that_moves_the_clock_first_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    break_records(world)
    kill_at(monkeypatch, "ingest", 1, after=False)
    dying = load_market_data.ingest_events.ingest_events

    def move_first(*args: Any, **named: Any) -> Any:
        world.ledger.record_clock_move(ClockMove(before=None, after=DAYS[9], sessions=10, requested_by="a"))
        return dying(*args, **named)

    monkeypatch.setattr(load_market_data.ingest_events, "ingest_events", move_first)
    with pytest.raises(AssertionError):
        check_resumes(world, lambda loader: loader.backfill_history(DAYS[9], requested_by="a"))


def test_backfill_from_a_session_that_was_killed_leaves_nothing_out_for_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at(monkeypatch, "ingest", 1, after=False)
    with pytest.raises(Killed):
        world.loader.backfill_history(DAYS[9], first=DAYS[6], requested_by="a")
    move = world.loader.backfill_history(DAYS[9], requested_by="b")

    assert (move.sessions, move.counts["duplicates"]) == (10, 8)
    assert world.in_lake() == bars_of(DAYS[:10])


def test_redriven_records_at_the_end_of_the_log_do_not_hide_what_was_published(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_records(world)
    world.loader.backfill_history(DAYS[9], requested_by="a")
    kill_at(monkeypatch, "ingest", 1, after=False)
    with pytest.raises(Killed):
        world.loader.backfill_history(DAYS[14], requested_by="b")
    monkeypatch.undo()
    assert len(redrive_dead_letters(world.log, topic=BARS_RAW.name)) == 2
    move = world.loader.backfill_history(DAYS[14], requested_by="b")

    assert (move.counts["published"], move.counts["validated"], move.counts["dead"]) == (0, 10, 2)
    assert len(world.in_lake()) == 28


def test_mutant_that_takes_the_end_for_the_last_message_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def has_reached_the_number(log: EventLog, group: str, topic: str, *, until: Mapping[int, int]) -> bool:
        done = log.committed(group, topic)
        return all(done[partition] >= end for partition, end in until.items())

    monkeypatch.setattr(load_market_data, "is_read", has_reached_the_number)
    if not world.log.marks:
        world.loader.backfill_history(DAYS[9], requested_by="a")
        return
    with pytest.raises(LeaseHeld):
        world.loader.backfill_history(DAYS[9], requested_by="a")
