"""Breakers in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tradeops.ports.breaker_board import Opening
from tradeops.resilience.breaker import Breaker, BreakerPolicy, BreakerState


@dataclass
class InMemoryBreakerBoard:
    clock: Callable[[], float]
    policy: BreakerPolicy
    breakers: dict[str, Breaker] = field(default_factory=dict)
    looks: int = 0

    def admit(self, name: str) -> bool:
        self.looks += 1
        self.breakers[name] = self._find(name).admit(self.clock())
        return not self.breakers[name].failures

    def succeed(self, name: str) -> None:
        self.breakers[name] = self._find(name).succeed()

    def fail(self, name: str) -> Opening | None:
        before = self._find(name)
        after = self.breakers[name] = before.fail(self.clock())
        if before.state is BreakerState.OPEN or after.state is not BreakerState.OPEN or after.failing_since is None:
            return None
        return Opening(failures=after.failures, failing_since=after.failing_since)

    def _find(self, name: str) -> Breaker:
        return self.breakers.get(name, Breaker(name=name, policy=self.policy))
