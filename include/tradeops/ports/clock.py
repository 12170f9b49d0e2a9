"""Time that passes, for how long things take; never an input of a decision."""

from typing import Protocol


class Clock(Protocol):
    """A clock that only goes forward."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        ...
