"""A guard calls while the dependency answers, stops when it does not, and costs nothing while all is well."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.fakes.breaker_board import InMemoryBreakerBoard
from tradeops.domain.errors import CircuitOpen, ExternalServiceError, UnknownRecord
from tradeops.ports.breaker_board import Opening
from tradeops.resilience.breaker import BreakerPolicy
from tradeops.resilience.guarded_calls import TRUSTED_SECONDS, GuardedCalls

LIMITS = BreakerPolicy(most_failures=5, rest_seconds=30.0)


@dataclass
class Clock:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Dependency:
    error: Exception | None = None
    calls: int = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return "answer"


@dataclass
class Case:
    clock: Clock
    board: InMemoryBreakerBoard
    dependency: Dependency

    def open(self) -> GuardedCalls:
        return GuardedCalls(name="lake", board=self.board, clock=self.clock)

    def fail(self, guard: GuardedCalls, times: int) -> None:
        for _ in range(times):
            with pytest.raises(ExternalServiceError):
                guard.call(self.dependency)


@pytest.fixture
def case() -> Case:
    clock = Clock()
    return Case(clock, InMemoryBreakerBoard(clock.monotonic, LIMITS), Dependency())


def test_answers_come_through_and_the_board_is_looked_at_once_a_second(case: Case) -> None:
    guard = case.open()
    for now in (0.0, 0.5, 0.999, TRUSTED_SECONDS, 1.5):
        case.clock.now = now
        assert guard.call(case.dependency) == "answer"

    assert (case.dependency.calls, case.board.looks) == (5, 2)


def test_five_failures_open_it_and_the_sixth_call_is_not_made(case: Case) -> None:
    guard = case.open()
    case.dependency.error = ExternalServiceError("away")
    case.fail(guard, 5)
    with pytest.raises(CircuitOpen, match="lake failed 5 times"):
        guard.call(case.dependency)

    assert case.dependency.calls == 5


def test_another_process_stops_calling_within_a_second(case: Case) -> None:
    one, other = case.open(), case.open()
    other.call(case.dependency)
    case.dependency.error = ExternalServiceError("away")
    case.fail(one, 5)
    case.clock.now = TRUSTED_SECONDS
    with pytest.raises(CircuitOpen):
        other.call(case.dependency)

    assert case.dependency.calls == 1 + 5


def test_after_the_rest_one_probe_closes_it_for_all(case: Case) -> None:
    one, other = case.open(), case.open()
    case.dependency.error = ExternalServiceError("away")
    case.fail(one, 5)
    case.clock.now, case.dependency.error = LIMITS.rest_seconds, None

    def look_meanwhile() -> str:
        with pytest.raises(CircuitOpen):
            one.call(case.dependency)
        return "probed"

    assert other.call(look_meanwhile) == "probed"
    assert one.call(case.dependency) == "answer"


def test_error_that_is_an_answer_is_no_failure_and_forgets_those_before(case: Case) -> None:
    guard = case.open()
    case.dependency.error = ExternalServiceError("away")
    case.fail(guard, 4)
    case.dependency.error = UnknownRecord("nothing there")
    with pytest.raises(UnknownRecord):
        guard.call(case.dependency)
    case.dependency.error = ExternalServiceError("away")
    case.fail(guard, 4)
    case.dependency.error = None

    assert guard.call(case.dependency) == "answer"


def test_breaker_below_is_not_counted_as_a_failure(case: Case) -> None:
    guard = case.open()
    case.dependency.error = CircuitOpen("another rests")
    for _ in range(9):
        with pytest.raises(CircuitOpen, match="another"):
            guard.call(case.dependency)

    assert case.dependency.calls == 9


def test_whoever_opens_it_tells_with_the_failure_and_others_do_not(case: Case) -> None:
    told: list[tuple[Opening, str]] = []
    guards = [case.open(), case.open()]
    for guard in guards:
        guard.tell = lambda opening, error: told.append((opening, error.message))
    case.dependency.error = ExternalServiceError("away")
    for number in range(7):
        with pytest.raises(ExternalServiceError):
            guards[number % 2].call(case.dependency)

    assert told == [(Opening(failures=5, failing_since=0.0), "away")]


class AwayBoard:
    def admit(self, name: str) -> bool:
        raise ExternalServiceError("the board is away")

    succeed: Callable[..., None] = admit  # type: ignore[assignment]
    fail: Callable[..., None] = admit  # type: ignore[assignment]


def test_board_that_is_away_stops_nobody_and_hides_no_error(case: Case) -> None:
    guard = GuardedCalls(name="lake", board=AwayBoard(), clock=case.clock)

    assert guard.call(case.dependency) == "answer"
    case.dependency.error = ExternalServiceError("the lake is away")
    for _ in range(9):
        with pytest.raises(ExternalServiceError, match="the lake is away"):
            guard.call(case.dependency)
    assert case.dependency.calls == 10


def test_mutant_guard_that_never_looks_again_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeops.resilience.guarded_calls.TRUSTED_SECONDS", float("inf"))

    with pytest.raises(ExternalServiceError):  # the call that must not be made
        test_another_process_stops_calling_within_a_second(case)
