"""State machines: what can follow what."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.domain.errors import CoordinationError, IllegalTransition
from tradeops.domain.lifecycle import CYCLE_STEPS, ORDER_STEPS, CycleState, OrderState, advance

ORDER_ENDS = {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED}
LEGAL_ORDER_STEPS = {
    "new": "submitted rejected unknown cancelled expired",
    "unknown": "submitted rejected partially_filled filled cancelled expired",
    "submitted": "partially_filled filled cancelled expired rejected",
    "partially_filled": "partially_filled filled cancelled expired",
    "filled": "",
    "cancelled": "",
    "rejected": "",
    "expired": "",
}
LEGAL_CYCLE_STEPS = {"claimed": "claimed decided", "decided": "closed", "closed": ""}


@pytest.mark.parametrize("before", OrderState)
@pytest.mark.parametrize("after", OrderState)
def test_orders_take_the_legal_steps_only(before: OrderState, after: OrderState) -> None:
    check_step(ORDER_STEPS, before, after, legal=after.value in LEGAL_ORDER_STEPS[before.value].split())


@pytest.mark.parametrize("before", CycleState)
@pytest.mark.parametrize("after", CycleState)
def test_cycles_take_the_legal_steps_only(before: CycleState, after: CycleState) -> None:
    check_step(CYCLE_STEPS, before, after, legal=after.value in LEGAL_CYCLE_STEPS[before.value].split())


def check_step(steps, before: StrEnum, after: StrEnum, *, legal: bool) -> None:  # type: ignore[no-untyped-def]
    if legal:
        assert advance(steps, before, after) is after
        return
    with pytest.raises(IllegalTransition) as error:
        advance(steps, before, after)
    assert error.value.context == {"before": before, "after": after}
    assert not error.value.retryable
    assert isinstance(error.value, CoordinationError)


def test_machines_know_every_state() -> None:
    assert set(ORDER_STEPS) == set(OrderState)
    assert set(CYCLE_STEPS) == set(CycleState)


@given(st.lists(st.sampled_from(OrderState), max_size=30))
def test_nothing_follows_an_end_and_nothing_returns_to_new(wishes: list[OrderState]) -> None:
    path = [OrderState.NEW]
    for wish in wishes:
        if wish in ORDER_STEPS[path[-1]]:
            path.append(advance(ORDER_STEPS, path[-1], wish))
    assert OrderState.NEW not in path[1:]
    assert not ORDER_ENDS.intersection(path[:-1])


def test_mutant_that_sends_a_filled_order_again_is_found() -> None:
    broken = {**ORDER_STEPS, OrderState.FILLED: frozenset({OrderState.SUBMITTED})}
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_step(broken, OrderState.FILLED, OrderState.SUBMITTED, legal=False)
