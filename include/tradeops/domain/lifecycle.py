"""State machines of cycles and orders; an illegal step is a typed error."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from tradeops.domain.errors import IllegalTransition


class CycleState(StrEnum):
    """Where a decision cycle stands."""

    CLAIMED = "claimed"
    DECIDED = "decided"
    CLOSED = "closed"


class OrderState(StrEnum):
    """Where an order stands; `NEW` is recorded and not yet sent."""

    NEW = "new"
    SUBMITTED = "submitted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


CYCLE_STEPS: Mapping[CycleState, frozenset[CycleState]] = {
    CycleState.CLAIMED: frozenset({CycleState.CLAIMED, CycleState.DECIDED}),
    CycleState.DECIDED: frozenset({CycleState.CLOSED}),
    CycleState.CLOSED: frozenset(),
}

_OPEN_ORDER_STEPS = frozenset(
    {OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED}
)
ORDER_STEPS: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.NEW: frozenset(
        {OrderState.SUBMITTED, OrderState.REJECTED, OrderState.UNKNOWN, OrderState.CANCELLED, OrderState.EXPIRED}
    ),
    OrderState.UNKNOWN: frozenset({OrderState.SUBMITTED, OrderState.REJECTED}) | _OPEN_ORDER_STEPS,
    OrderState.SUBMITTED: _OPEN_ORDER_STEPS | {OrderState.REJECTED},
    OrderState.PARTIALLY_FILLED: _OPEN_ORDER_STEPS,
    OrderState.FILLED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.EXPIRED: frozenset(),
}

StateT = TypeVar("StateT", bound=StrEnum)


def advance(steps: Mapping[StateT, frozenset[StateT]], before: StateT, after: StateT) -> StateT:
    """Return `after` if the machine allows the step.

    Raises:
        IllegalTransition: The step does not exist.
    """
    if after not in steps[before]:
        raise IllegalTransition(
            f"{type(before).__name__} cannot go from {before} to {after}", before=before, after=after
        )
    return after
