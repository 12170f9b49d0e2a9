"""Breakers in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tradeops.resilience.breaker import Breaker, BreakerPolicy


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

    def fail(self, name: str) -> None:
        self.breakers[name] = self._find(name).fail(self.clock())

    def _find(self, name: str) -> Breaker:
        return self.breakers.get(name, Breaker(name=name, policy=self.policy))
