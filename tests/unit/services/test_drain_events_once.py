"""Events are answered once and in order; what cannot be is a dead letter; what may be later is tried again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.fakes.event_log import InMemoryEventLog
from tests.fakes.trading_calendar import business_days
from tradeops.domain.errors import AttemptFailed, ConfigurationError, CycleHeld, DataError, RiskError
from tradeops.domain.event_schemas import encode_event
from tradeops.domain.events import Basis, Event, SessionClosed, SessionFeatures
from tradeops.domain.topics import FEATURES
from tradeops.ports.event_log import NewMessage
from tradeops.services.dead_letters import list_dead_letters, redrive_dead_letters
from tradeops.services.drain_events_once import (
    GROUP,
    MOST_ATTEMPTS,
    Attempts,
    DrainCounts,
    EventDrain,
    SessionEvent,
    open_decider,
)

DAYS = business_days(date(2001, 3, 1), 10)
AT = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POISON = b'\xff{"type": "session_features"'


def encode(session: date, kind: str = "session_features") -> bytes:
    payload = (
        SessionFeatures(session=session, market=1) if kind == "session_features" else SessionClosed(session=session)
    )
    moment = datetime(session.year, session.month, session.day, 21, tzinfo=UTC)
    return encode_event(
        Event(
            type=kind,
            schema_version=1,
            source="test",
            sequence=session.isoformat(),
            key="XNYS",
            event_time=moment,
            known_time=moment,
            basis=Basis.ASSUMED,
            payload=payload,
        )
    )


@dataclass
class World:
    log: InMemoryEventLog = field(default_factory=InMemoryEventLog)
    answered: list[SessionEvent] = field(default_factory=list)
    errors: dict[date, list[BaseException]] = field(default_factory=dict)
    attempts: Attempts = field(default_factory=dict)
    time: datetime = AT

    def send(self, *values: bytes) -> None:
        self.log.append([NewMessage(topic=FEATURES.name, key="XNYS", value=value) for value in values])

    def answer(self, event: SessionEvent) -> None:
        if waiting := self.errors.get(event.session):
            raise waiting.pop(0)
        self.answered.append(event)

    def tell_time(self) -> datetime:
        self.time += MINUTE
        return self.time

    def drain(self, most_waiting: int = 1) -> DrainCounts | None:
        """As a process does: with a member of its own."""
        drain = EventDrain(
            answer=self.answer, tell_time=self.tell_time, most_waiting=most_waiting, attempts=self.attempts
        )
        with open_decider(self.log) as consumer:
            return drain.drain_events_once(consumer)

    @property
    def sessions(self) -> list[tuple[date, bool]]:
        return [(event.session, event.superseded) for event in self.answered]

    @property
    def committed(self) -> int:
        return self.log.committed(GROUP, FEATURES.name)[0]


def test_nothing_waits() -> None:
    assert World().drain() is None


@pytest.mark.parametrize(("most_waiting", "skipped"), [(1, 2), (2, 1), (3, 0), (9, 0)])
def test_newest_sessions_win_and_older_ones_are_superseded_in_order(most_waiting: int, skipped: int) -> None:
    world = World()
    world.send(*map(encode, DAYS[:3]))

    assert world.drain(most_waiting) == DrainCounts(answered=3, superseded=skipped)
    assert world.sessions == [(day, place < skipped) for place, day in enumerate(DAYS[:3])]
    assert world.drain(most_waiting) is None


def test_one_session_at_a_time_is_never_superseded() -> None:
    world = World()
    for day in DAYS[:3]:
        world.send(encode(day))
        world.drain()

    assert world.sessions == [(day, False) for day in DAYS[:3]]


def test_effects_of_one_event_on_two_books_have_two_names() -> None:
    world = World()
    world.send(encode(DAYS[0]))
    world.drain()
    (event,) = world.answered

    assert event.name_for("book/a") != event.name_for("book/b")
    assert event.name_for("book/a").event_id == event.event_id


def test_poison_is_a_dead_letter_with_its_bytes_while_the_next_is_answered() -> None:
    world = World()
    world.send(POISON, encode(DAYS[0], "session_closed"), encode(DAYS[1]))

    assert world.drain() == DrainCounts(answered=1, dead=2)
    assert world.sessions == [(DAYS[1], False)]
    letters = list_dead_letters(world.log)
    assert [letter.value for letter in letters] == [POISON, encode(DAYS[0], "session_closed")]
    assert {letter.error_type for letter in letters} == {"InvalidRecord"}
    assert {letter.attempts for letter in letters} == {1}


def test_what_the_data_do_not_allow_is_a_dead_letter_that_can_be_sent_again() -> None:
    world = World(errors={DAYS[0]: [DataError("not loaded")]})
    world.send(encode(DAYS[0]), encode(DAYS[1]))
    world.drain(most_waiting=9)
    assert world.sessions == [(DAYS[1], False)]

    redrive_dead_letters(world.log, topic=FEATURES.name)
    assert world.drain() == DrainCounts(answered=1)
    assert world.sessions == [(DAYS[1], False), (DAYS[0], False)]


def check_retryable_error_loses_nothing(world: World, drain: Callable[[], object]) -> None:
    """It is tried again as often as it takes, and what was answered before comes again."""
    world.errors = {DAYS[1]: [CycleHeld("somebody else") for _ in range(3 * MOST_ATTEMPTS)]}
    world.send(POISON, *map(encode, DAYS[:3]))
    for _ in range(3 * MOST_ATTEMPTS):
        with pytest.raises(CycleHeld):
            drain()
        assert world.committed == 0
        assert list_dead_letters(world.log) == ()

    drain()
    assert {session for session, _ in world.sessions} == set(DAYS[:3])
    assert [letter.value for letter in list_dead_letters(world.log)] == [POISON]


def test_retryable_error_loses_nothing() -> None:
    world = World()
    check_retryable_error_loses_nothing(world, world.drain)


def test_mutant_that_commits_first_is_found() -> None:
    world = World()

    def commit_first() -> None:
        with open_decider(world.log) as consumer:
            messages = consumer.poll()
            consumer.commit()

            class Again:
                def poll(self) -> object:
                    return messages

                def commit(self, outputs: object) -> None: ...

            EventDrain(answer=world.answer, tell_time=lambda: AT, attempts={}).drain_events_once(Again())  # type: ignore[arg-type]

    with pytest.raises(AssertionError):
        check_retryable_error_loses_nothing(world, commit_first)


@pytest.mark.parametrize("error", [RiskError("no verdict"), KeyError("a mistake of ours")])
def test_other_errors_are_tried_three_times_and_then_dead_with_their_number(error: Exception) -> None:
    world = World(errors={DAYS[0]: [error] * MOST_ATTEMPTS})
    world.send(encode(DAYS[0]), encode(DAYS[1]))
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(AttemptFailed, match=f"of 3 at market.features/0/0.*{type(error).__name__}") as failed:
            world.drain(most_waiting=9)
        assert failed.value.retryable and failed.value.__cause__ is error

    assert world.drain(most_waiting=9) == DrainCounts(answered=1, dead=1)
    (letter,) = list_dead_letters(world.log)
    assert (letter.value, letter.error_type, letter.attempts) == (encode(DAYS[0]), type(error).__name__, MOST_ATTEMPTS)
    assert (letter.first_at, letter.last_at) == (AT + MINUTE, AT + MOST_ATTEMPTS * MINUTE)
    assert world.sessions == [(DAYS[1], False)]


@pytest.mark.parametrize("error", [OSError("disk full"), MemoryError(), ConfigurationError("no such scheme")])
def test_what_is_wrong_with_the_machine_or_a_setting_is_never_put_on_the_message(error: Exception) -> None:
    world = World(errors={DAYS[0]: [error] * (2 * MOST_ATTEMPTS)})
    world.send(encode(DAYS[0]))
    for _ in range(2 * MOST_ATTEMPTS):
        with pytest.raises(type(error)):
            world.drain()

    assert world.drain() == DrainCounts(answered=1)


def test_asking_for_an_end_is_no_error_of_the_message() -> None:
    class Enough(BaseException):
        pass

    world = World(errors={DAYS[0]: [Enough()]})
    world.send(encode(DAYS[0]))

    with pytest.raises(Enough):
        world.drain()
    assert (world.committed, world.attempts) == (0, {})
    assert world.drain() == DrainCounts(answered=1)
