"""The breaker against a plain model of it, and each of its sentences once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.domain.errors import CircuitOpen, ConfigurationError
from tradeops.resilience.breaker import Breaker, BreakerPolicy, BreakerState

POLICY = BreakerPolicy(most_failures=3, rest_seconds=10.0)
CLOSED = Breaker(name="kernel", policy=POLICY)


def fail(breaker: Breaker, *times: float) -> Breaker:
    for now in times:
        breaker = breaker.admit(now).fail(now)
    return breaker


def test_it_opens_at_the_limit_and_not_before() -> None:
    assert fail(CLOSED, 1, 2).state is BreakerState.CLOSED
    assert fail(CLOSED, 1, 2, 3).state is BreakerState.OPEN


def test_a_success_forgets_failures() -> None:
    assert fail(fail(CLOSED, 1, 2).succeed(), 3, 4).state is BreakerState.CLOSED


def test_open_refuses_and_says_when_to_come_back() -> None:
    with pytest.raises(CircuitOpen, match=r"kernel failed 3 times in a row and rests; ask again in 4\.0 s") as refused:
        fail(CLOSED, 1, 2, 3).admit(9.0)
    assert refused.value.retryable


def test_rested_it_lets_one_probe_through() -> None:
    probing = fail(CLOSED, 1, 2, 3).admit(13.0)
    assert probing.state is BreakerState.HALF_OPEN
    with pytest.raises(CircuitOpen):
        probing.admit(13.1)
    assert probing.succeed() == CLOSED


def test_a_failed_probe_opens_again_for_a_whole_rest() -> None:
    again = fail(CLOSED, 1, 2, 3, 13.0)
    assert again.state is BreakerState.OPEN
    with pytest.raises(CircuitOpen):
        again.admit(22.9)


def test_a_probe_that_never_reports_is_followed_by_another() -> None:
    lost = fail(CLOSED, 1, 2, 3).admit(13.0)
    assert lost.admit(23.0).since == 23.0


def test_late_news_changes_nothing_while_it_is_open() -> None:
    opened = fail(CLOSED, 1, 2, 3)
    assert opened.succeed() == opened
    assert opened.fail(8.0) == opened


@pytest.mark.parametrize("limits", [(0, 1.0), (1, 0.0), (1, float("nan")), (1, float("inf"))])
def test_limits_that_mean_nothing_are_refused(limits: tuple[int, float]) -> None:
    with pytest.raises(ConfigurationError):
        BreakerPolicy(most_failures=limits[0], rest_seconds=limits[1])


@pytest.mark.parametrize(
    "change",
    [{"state": BreakerState.OPEN}, {"failures": 3}, {"since": 1.0}, {"state": BreakerState.OPEN, "since": 1.0}],
)
def test_states_that_contradict_themselves_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="breaker kernel cannot be"):
        replace(CLOSED, **change)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(0.01, 8.0), st.booleans()), max_size=60))
def test_no_call_passes_within_the_rest_of_a_failure_that_opened_it(steps: list[tuple[float, bool]]) -> None:
    breaker, now, row, opened = CLOSED, 0.0, 0, float("-inf")
    for pause, works in steps:
        now += pause
        try:
            breaker = breaker.admit(now)
        except CircuitOpen:
            assert now - opened < POLICY.rest_seconds
            continue
        assert now - opened >= POLICY.rest_seconds or row < POLICY.most_failures
        row = 0 if works else row + 1
        breaker = breaker.succeed() if works else breaker.fail(now)
        opened = now if row >= POLICY.most_failures else opened
