"""Where the breakers of all processes are kept, so that one probe speaks for all of them."""

from typing import Protocol


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

    def fail(self, name: str) -> None:
        """A call failed."""
        ...
