"""Calls to what lies outside the process, stopped by a breaker that all processes share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tradeops.domain.errors import CircuitOpen, ExternalServiceError
from tradeops.ports.breaker_board import BreakerBoard, Opening
from tradeops.ports.clock import Clock

T = TypeVar("T")
TellOpening = Callable[[Opening, ExternalServiceError], None]

# A call within this time of the last look at the board does not look again: what works costs nothing more.
TRUSTED_SECONDS: Final = 1.0

_LOG = logging.getLogger("tradeops.resilience")


@dataclass(slots=True, kw_only=True)
class GuardedCalls:
    """The calls of one process to one dependency.

    A board that cannot be reached stops no call: it is there to spare a dependency, not to be one.

    Args:
        name: Of the dependency, the same in all processes.
        board: Where its breaker is kept.
        clock: For the time since the last look.
        tell: Called with the failure that opened the breaker, by the process that met it; nobody is told without it.
    """

    name: str
    board: BreakerBoard
    clock: Clock
    tell: TellOpening | None = None
    _trusted_until: float = field(default=float("-inf"))

    def call(self, ask: Callable[[], T]) -> T:
        """Do the call unless the breaker is open.

        Raises:
            CircuitOpen: It is; nothing was called.
            ExternalServiceError: The call's own failure, counted. Any other error is an answer.
        """
        sound = self._admit()
        try:
            answer = ask()
        except CircuitOpen:
            raise  # another one, below: nothing was called
        except ExternalServiceError as error:
            self._trusted_until = float("-inf")
            opening = self._report(self.board.fail)
            if opening is not None and self.tell is not None:
                self.tell(opening, error)
            raise
        except Exception:
            self._note_success(sound=sound)
            raise
        self._note_success(sound=sound)
        return answer

    def _admit(self) -> bool:
        now = self.clock.monotonic()
        if now < self._trusted_until:
            return True
        try:
            sound = self.board.admit(self.name)
        except CircuitOpen:
            raise
        except ExternalServiceError as error:
            _LOG.warning("%s is called without a breaker: %s", self.name, error)
            return True
        if sound:
            self._trusted_until = now + TRUSTED_SECONDS
        return sound

    def _note_success(self, *, sound: bool) -> None:
        if not sound:
            self._report(self.board.succeed)

    def _report(self, report: Callable[[str], Opening | None]) -> Opening | None:
        try:
            return report(self.name)
        except ExternalServiceError as error:
            _LOG.warning("the breaker of %s was not told: %s", self.name, error)
            return None
