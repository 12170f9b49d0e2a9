"""A circuit breaker as a value: who keeps it, in memory or shared, swaps it for the next one.

closed ──failures reach the limit──► open ──rested, one probe──► half open
  ▲                                   ▲                             │
  └──────────── probe succeeds ───────┼─────────────────────────────┤
                                      └───────── probe fails ───────┘
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from tradeops.domain.errors import CircuitOpen, ConfigurationError


class BreakerState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to stop calling, and when to try again.

    Args:
        most_failures: Failures in a row that open the breaker, ≥ 1.
        rest_seconds: How long it stays open before a probe, and how long a probe may take before the
            next caller may probe; > 0.
    """

    most_failures: int
    rest_seconds: float

    def __post_init__(self) -> None:
        if self.most_failures < 1 or not 0 < self.rest_seconds < math.inf:
            raise ConfigurationError(
                f"a breaker needs most_failures ≥ 1 and finite rest_seconds > 0, got {self.most_failures} "
                f"and {self.rest_seconds}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of one breaker; times are seconds of whatever clock its keeper asks.

    Args:
        name: What it protects, for messages.
        policy: Its limits.
        state: Whether calls go through.
        failures: Failures in a row.
        since: When it opened or began its probe; nothing while it is closed.
        failing_since: When the first of the failures in a row was, if it is known.
    """

    name: str
    policy: BreakerPolicy
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    since: float | None = None
    failing_since: float | None = None

    def __post_init__(self) -> None:
        closed = self.state is BreakerState.CLOSED
        if closed != (self.since is None) or closed != (self.failures < self.policy.most_failures):
            raise ConfigurationError(f"breaker {self.name} cannot be {self.state} with {self.failures} failures")

    def admit(self, now: float) -> Self:
        """Let one call through.

        Returns:
            The breaker to keep while the call runs.

        Raises:
            CircuitOpen: It rests, or another caller's probe is under way.
        """
        if self.since is None:
            return self
        wait = self.since + self.policy.rest_seconds - now
        if wait > 0:
            raise CircuitOpen(
                f"{self.name} failed {self.failures} times in a row and rests; ask again in {wait:.1f} s",
                seconds=wait,
            )
        return replace(self, state=BreakerState.HALF_OPEN, since=now)

    def succeed(self) -> Self:
        """A call came back: closed, no failures. Late news does not close an open breaker: a probe does."""
        if self.state is BreakerState.OPEN:
            return self
        return replace(self, state=BreakerState.CLOSED, failures=0, since=None, failing_since=None)

    def fail(self, now: float) -> Self:
        """A call failed: one more failure, and open when they are too many. Late news does not prolong the rest."""
        if self.state is BreakerState.OPEN:
            return self
        first = now if self.failing_since is None else self.failing_since
        failures = self.failures + 1
        if failures < self.policy.most_failures:
            return replace(self, failures=failures, failing_since=first)
        return replace(self, state=BreakerState.OPEN, failures=failures, since=now, failing_since=first)
