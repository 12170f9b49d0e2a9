"""When what failed for now is tried again: a schedule as a value; who waits asks it how long."""

import math
from dataclasses import dataclass

from tradeops.domain.errors import CircuitOpen, ConfigurationError, TradeOpsError


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """How often and how far apart.

    Args:
        attempts: In all, ≥ 1.
        first_seconds: Longest wait after the first failure; it doubles with each further one.
        most_seconds: No wait is longer.
    """

    attempts: int = 3
    first_seconds: float = 1.0
    most_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.first_seconds <= self.most_seconds < math.inf:
            raise ConfigurationError(
                f"retries need attempts ≥ 1 and 0 ≤ first_seconds ≤ most_seconds, got {self.attempts}, "
                f"{self.first_seconds} and {self.most_seconds}"
            )

    def find_wait(self, failures: int, draw: float) -> float:
        """Seconds to wait after so many failures in a row, by full jitter.

        Args:
            failures: ≥ 1.
            draw: In [0, 1): which share of the longest wait.
        """
        longest = min(self.most_seconds, math.ldexp(self.first_seconds, min(failures - 1, 64)))
        return longest * draw


def is_worth_another_try(error: Exception) -> bool:
    """Whether a moment's wait may cure it: it says so itself, and is not a breaker that rests for longer."""
    return isinstance(error, TradeOpsError) and error.retryable and not isinstance(error, CircuitOpen)
