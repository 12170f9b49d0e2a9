"""Only errors that call themselves retryable are tried again, three times in all, after waits drawn from the cycle."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.decision_cycle import graph, retrying
from graphs.decision_cycle.nodes import Node
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.unit.graphs.cycle_bench import OWNER, Bench
from tradeops.domain.decisions import Outcome
from tradeops.domain.errors import (
    CircuitOpen,
    ConfigurationError,
    CoordinationError,
    CycleHeld,
    DataError,
    ExternalServiceError,
    NotKnownYet,
    RiskError,
    StaleEpoch,
)
from tradeops.ports.cycle_runner import CycleOutcome
from tradeops.resilience.retries import RetryLimits, is_worth_another_try


@dataclass
class Sleeper:
    waits: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def run(bench: Bench, sleeper: Sleeper | None = None, **failures: list[Exception]) -> CycleOutcome:
    nodes = bench.counted_nodes(**failures)
    with DecisionCycleRunner(bench.ports(), owner=OWNER, nodes=nodes, sleep=sleeper or Sleeper()) as runner:
        return runner.run_cycle(bench.request())


def away(times: int) -> list[Exception]:
    return [ExternalServiceError("away for now") for _ in range(times)]


def test_shipped_limits_are_three_attempts_from_one_second_doubling_to_sixty_with_full_jitter() -> None:
    almost = 1 - 2**-53

    assert retrying.LIMITS.attempts == 3
    assert [round(retrying.LIMITS.find_wait(n, almost), 6) for n in (1, 2, 3, 6, 7, 99)] == [1, 2, 4, 32, 60, 60]
    assert [retrying.LIMITS.find_wait(n, 0.0) for n in (1, 2)] == [0, 0]


@given(st.integers(1, 2000), st.floats(0, 1, exclude_max=True))
def test_wait_is_never_longer_than_the_longest(failures: int, draw: float) -> None:
    assert 0 <= RetryLimits().find_wait(failures, draw) < 60


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first_seconds": -1.0}, {"most_seconds": 0.5}])
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RetryLimits(**wrong)


@pytest.mark.parametrize("node", ["load_view", "consult_agent", "check_risk", "route_orders"])
@pytest.mark.parametrize("failed", [1, 2])
def test_node_that_fails_for_now_is_tried_again_and_the_cycle_is_decided(node: str, failed: int, bench: Bench) -> None:
    sleeper = Sleeper()
    outcome = run(bench, sleeper, **{node: away(failed)})

    assert outcome.status is Outcome.DECIDED
    assert bench.called[node] == failed + 1
    assert {count for name, count in bench.called.items() if name != node} == {1}
    assert len(sleeper.waits) == failed
    assert all(0 <= wait < longest for wait, longest in zip(sleeper.waits, (1, 2), strict=False))


def test_same_cycle_waits_the_same_and_another_epoch_otherwise(bench: Bench) -> None:
    def list_waits(bench: Bench) -> list[float]:
        sleeper = Sleeper()
        with pytest.raises(ExternalServiceError):
            run(bench, sleeper, load_view=away(9))
        return sleeper.waits

    first = list_waits(bench)

    assert list_waits(Bench()) == first
    assert list_waits(bench) != first


def test_node_that_keeps_failing_is_given_up_after_three_attempts(bench: Bench) -> None:
    with pytest.raises(ExternalServiceError, match="away for now"):
        run(bench, load_view=away(9))

    assert bench.called == {"load_view": 3}


NOT_CURED_BY_WAITING = [
    DataError("malformed"),
    NotKnownYet("later"),
    RiskError("no verdict"),
    StaleEpoch("too late"),
    CoordinationError("do not fit"),
    CircuitOpen("rests for half a minute"),
    ValueError("a mistake"),
    OSError("no space"),
]


@pytest.mark.parametrize("error", NOT_CURED_BY_WAITING, ids=lambda error: type(error).__name__)
def test_error_that_does_not_pass_by_waiting_fails_at_once(error: Exception, bench: Bench) -> None:
    sleeper = Sleeper()
    with pytest.raises(type(error)) as raised:
        run(bench, sleeper, check_risk=[error])

    assert raised.value is error
    assert bench.called["check_risk"] == 1
    assert bench.called["record_decision"] == 0
    assert not sleeper.waits


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (CycleHeld("held"), True),
        (ExternalServiceError("away"), True),
        (CircuitOpen("rests"), False),
        (DataError("bad"), False),
        (OSError(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_say_themselves_whether_they_may_be_tried_again(error: Exception, *, worth: bool) -> None:
    assert is_worth_another_try(error) is worth


def twice_over(wrap: Callable[..., Node]) -> Callable[..., Node]:
    return lambda name, node, sleep: wrap(name, wrap(name, node, sleep), sleep)


def test_mutant_that_retries_what_no_waiting_cures_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "is_worth_another_try", lambda error: True)
    outcome = run(bench, check_risk=[DataError("malformed")])

    assert (outcome.status, bench.called["check_risk"]) == (Outcome.DECIDED, 2)


def test_mutant_of_retries_within_retries_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "try_again", twice_over(graph.try_again))
    with pytest.raises(ExternalServiceError):
        run(bench, load_view=away(99))

    assert bench.called["load_view"] == 9
