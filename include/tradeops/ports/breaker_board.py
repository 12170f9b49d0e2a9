"""Where the breakers of all processes are kept, so that one probe speaks for all of them."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a breaker says when it opens, or opens again.

    Args:
        failures: In a row, of all processes together.
        failing_since: When the first of them was, seconds since 1970 by the board's clock.
    """

    failures: int
    failing_since: float


class BreakerBoard(Protocol):
    """Breakers by the name of what they protect; each call is atomic among all processes."""

    def admit(self, name: str) -> bool:
        """Let a call through, or the one probe of a breaker that has rested.

        Returns:
            Whether every call is let through; False for a probe, or while failures are counted: report then
            what comes of it also when it succeeds.

        Raises:
            CircuitOpen: It rests, or another caller's probe is under way.
            ExternalServiceError: The board itself does not answer.
        """
        ...

    def succeed(self, name: str) -> None:
        """A call came back."""
        ...

    def fail(self, name: str) -> Opening | None:
        """A call failed.

        Returns:
            What to tell, when this failure opened the breaker; None otherwise.
        """
        ...
