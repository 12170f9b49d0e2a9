"""The trading window: whether what waits may be decided, who said so and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tradeops.domain.errors import ConfigurationError, IllegalTransition

SCHEDULE: Final = "schedule"


class WindowState(StrEnum):
    """Whether events are answered."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowChange:
    """Somebody opened or closed the window.

    Args:
        requested_by: The request; one entry each.
        state: The state from now on.
        person: Who; `SCHEDULE` when the exchange's sessions say so.
        reason: Why, in words.
        at: When, aware UTC.
    """

    requested_by: str
    state: WindowState
    person: str
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.person.strip() or not self.reason.strip():
            raise ConfigurationError("who opens or closes the trading window says who it is, and why")

    @property
    def is_scheduled(self) -> bool:
        """Whether no person asked for it."""
        return self.person == SCHEDULE

    def __str__(self) -> str:
        return f"window {self.state} since {self.at:%Y-%m-%d %H:%M} UTC by {self.person}: {self.reason}"


def is_open(newest: WindowChange | None) -> bool:
    """Whether the window is open after its newest change; it is where nobody ever closed it."""
    return newest is None or newest.state is WindowState.OPEN


def check_window_change(change: WindowChange, newest: WindowChange | None) -> None:
    """Whether a change may follow the newest one.

    Raises:
        IllegalTransition: A person closed the window, and the schedule has no say until a person opens it.
    """
    closed_by_person = newest is not None and not is_open(newest) and not newest.is_scheduled
    if change.is_scheduled and closed_by_person:
        raise IllegalTransition(f"{newest}; only a person opens it again: tradeops window open", state="closed")
