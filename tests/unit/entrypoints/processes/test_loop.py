"""Units are done until somebody asks for an end; what fails is opened anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.fakes.event_log import InMemoryEventLog
from tests.unit.services.test_letters import announce
from tradeops.domain.errors import CircuitOpen, ConfigurationError, ExternalServiceError, RiskError
from tradeops.domain.topics import FEATURES
from tradeops.entrypoints.processes.heartbeat import Beat, Heart, read_beats
from tradeops.entrypoints.processes.loop import BREAKER_WAIT_SECONDS, MOST_FAILURES, ProcessLoop
from tradeops.entrypoints.processes.stop_switch import HandedBack, StopSwitch
from tradeops.ports.event_log import EventConsumer, NewMessage
from tradeops.services.dead_letters import list_dead_letters
from tradeops.services.drain_events_once import Attempts, EventDrain, SessionEvent, open_decider

UNREACHABLE = ExternalServiceError("the broker does not answer")


@dataclass
class Work:
    """Answers of the unit, in turn; the switch is thrown after the last one.

    Args:
        answers: True when something was done, an error to raise.
    """

    switch: StopSwitch
    heart: Heart
    state_dir: Path
    answers: list[bool | BaseException] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    seen: list[Beat] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[Callable[[], bool]]:
        self.opened += 1
        try:
            yield self.do
        finally:
            self.closed += 1

    def do(self) -> bool:
        self.seen += read_beats(self.state_dir, "serve")
        answer = self.answers.pop(0) if self.answers else False
        if not self.answers:
            self.switch.asked = True
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(StopSwitch(20.0), Heart(tmp_path, "serve"), tmp_path)


def run(work: Work) -> None:
    ProcessLoop(heart=work.heart, switch=work.switch, idle_seconds=0.0, first_wait=0.0001).run(work.open)


def test_units_are_done_with_one_opening(work: Work) -> None:
    work.answers = [True, False, True]
    run(work)

    assert (work.answers, work.opened, work.closed) == ([], 1, 1)


def test_retryable_errors_are_tried_again_for_ever_from_a_new_opening(work: Work) -> None:
    work.answers = [UNREACHABLE] * (5 * MOST_FAILURES) + [True]  # type: ignore[assignment]
    run(work)

    assert (work.answers, work.opened, work.closed) == ([], 16, 16)
    assert work.seen[-1].failing_since is None


def test_health_says_since_when_it_fails_and_why(work: Work, tmp_path: Path) -> None:
    work.answers = [True, UNREACHABLE, UNREACHABLE]
    run(work)

    (beat,) = read_beats(tmp_path, "serve")
    assert beat.failing_since is not None
    assert beat.detail == "ExternalServiceError: the broker does not answer"


def test_breaker_that_rests_hides_no_cause_and_is_asked_again_soon(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tradeops.entrypoints.processes.loop.random.uniform", lambda least, most: most)
    monkeypatch.setattr(work.switch, "wait", waits.append)
    errors = [UNREACHABLE, *[CircuitOpen("it rests")] * 8]

    @contextmanager
    def open_in_vain() -> Iterator[Callable[[], bool]]:
        work.switch.asked = len(errors) == 1
        raise errors.pop(0)
        yield work.do

    ProcessLoop(heart=work.heart, switch=work.switch, idle_seconds=0.0).run(open_in_vain)

    (beat,) = read_beats(tmp_path, "serve")
    assert beat.detail == "ExternalServiceError: the broker does not answer"
    assert waits == [1.0, *[BREAKER_WAIT_SECONDS] * 8]


@pytest.mark.parametrize("error", [RiskError("no"), KeyError("a mistake of ours")])
def test_other_errors_end_the_process_when_they_come_three_times_in_a_row(error: Exception, work: Work) -> None:
    work.answers = [error, error, True, error, error, error, True]

    with pytest.raises(type(error)):
        run(work)
    assert (work.answers, work.opened, work.closed) == ([True], 5, 5)


def test_other_errors_do_not_count_those_that_waiting_cures(work: Work) -> None:
    work.answers = [UNREACHABLE] * MOST_FAILURES + [RiskError("no")] * (MOST_FAILURES - 1) + [True]
    run(work)

    assert work.answers == []


class Ended(Exception):
    """Whoever starts the process again would start it again for ever."""


def serve_messages_that_cannot_be_answered(work: Work, shown: Callable[[Exception], BaseException]) -> list[bytes]:
    """Two that wait together, each of which breaks its handler; the letters' original bytes."""
    log, attempts = InMemoryEventLog(), Attempts()
    values = [announce(day) for day in (date(2001, 3, 1), date(2001, 3, 2))]
    log.append([NewMessage(topic=FEATURES.name, key="XNYS", value=value) for value in values])

    def answer(event: SessionEvent) -> None:
        raise KeyError("a mistake of ours")

    drain = EventDrain(answer=answer, tell_time=lambda: datetime(2026, 1, 1, tzinfo=UTC), attempts=attempts)

    @contextmanager
    def open_drain() -> Iterator[Callable[[], bool]]:
        with open_decider(log) as consumer:
            yield lambda: do(consumer)

    def do(consumer: EventConsumer) -> bool:
        try:
            work.switch.asked = drain.drain_events_once(consumer) is not None
        except Exception as error:
            raise shown(error) from error
        return True

    try:
        ProcessLoop(heart=work.heart, switch=work.switch, idle_seconds=0.0, first_wait=0.0001).run(open_drain)
    except Exception as error:
        raise Ended from error
    return [letter.value for letter in list_dead_letters(log)]


def test_messages_that_cannot_be_answered_end_no_process_however_many_wait(work: Work) -> None:
    assert len(serve_messages_that_cannot_be_answered(work, lambda error: error)) == 2


def test_mutant_whose_attempts_are_failures_of_the_process_is_found(work: Work) -> None:
    with pytest.raises(Ended):
        serve_messages_that_cannot_be_answered(work, lambda error: error.__cause__ or error)


def test_wrong_setting_ends_it_at_once(work: Work) -> None:
    work.answers = [ConfigurationError("no such scheme"), True]

    with pytest.raises(ConfigurationError):
        run(work)


def test_work_handed_back_ends_it_well(work: Work) -> None:
    work.answers = [True, HandedBack(), True]
    run(work)

    assert (work.answers, work.closed) == ([True], 1)
