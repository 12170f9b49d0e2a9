"""Only errors that call themselves retryable are tried again, three times in all."""

import pytest

from graphs.decision_cycle import graph
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
from tests.unit.graphs.cycle_bench import OWNER, Bench
from tradeops.domain.decisions import Outcome
from tradeops.domain.errors import (
    CoordinationError,
    CycleHeld,
    DataError,
    ExternalServiceError,
    NotKnownYet,
    RiskError,
    StaleEpoch,
)
from tradeops.ports.cycle_runner import CycleOutcome

SHIPPED = graph.RETRY


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = graph.RETRY._replace(initial_interval=0.001, max_interval=0.002, jitter=False)
    monkeypatch.setattr(graph, "RETRY", quick)


def run(bench: Bench, **failures: list[Exception]) -> CycleOutcome:
    nodes = bench.counted_nodes(**failures)
    with DecisionCycleRunner(bench.ports(), owner=OWNER, nodes=nodes) as runner:
        return runner.run_cycle(bench.request())


def test_shipped_policy_is_three_attempts_from_one_second_doubling_to_sixty_with_jitter() -> None:
    assert SHIPPED.retry_on is graph.is_retryable
    assert SHIPPED._replace(retry_on=Exception) == (1.0, 2.0, 60.0, 3, True, Exception)


@pytest.mark.parametrize("node", ["load_view", "consult_agent", "check_risk", "route_orders"])
@pytest.mark.parametrize("failed", [1, 2])
def test_node_that_fails_for_now_is_tried_again_and_the_cycle_is_decided(node: str, failed: int, bench: Bench) -> None:
    outcome = run(bench, **{node: [ExternalServiceError("away for now") for _ in range(failed)]})

    assert outcome.status is Outcome.DECIDED
    assert bench.called[node] == failed + 1
    assert {count for name, count in bench.called.items() if name != node} == {1}


def test_node_that_keeps_failing_is_given_up_after_three_attempts(bench: Bench) -> None:
    with pytest.raises(ExternalServiceError, match="away for long"):
        run(bench, load_view=[ExternalServiceError("away for long") for _ in range(9)])

    assert bench.called == {"load_view": 3}


@pytest.mark.parametrize(
    "error",
    [
        DataError("malformed"),
        NotKnownYet("later"),
        RiskError("no verdict"),
        StaleEpoch("too late"),
        CoordinationError("do not fit"),
        ValueError("a mistake"),
        OSError("no space"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_that_does_not_pass_by_waiting_fails_at_once(error: Exception, bench: Bench) -> None:
    with pytest.raises(type(error)):
        run(bench, check_risk=[error])

    assert bench.called["check_risk"] == 1
    assert bench.called["record_decision"] == 0


@pytest.mark.parametrize(
    ("error", "retryable"),
    [(CycleHeld("held"), True), (ExternalServiceError("away"), True), (DataError("bad"), False), (OSError(), False)],
    ids=lambda value: type(value).__name__,
)
def test_errors_say_themselves_whether_they_may_be_tried_again(error: Exception, *, retryable: bool) -> None:
    assert graph.is_retryable(error) is retryable
