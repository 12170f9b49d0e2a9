"""Runs units until somebody asks for an end; what fails is opened anew and tried again."""

import logging
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tradeops.domain.errors import CircuitOpen, ConfigurationError
from tradeops.entrypoints.processes.heartbeat import Heart
from tradeops.entrypoints.processes.stop_switch import HandedBack, StopSwitch

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
BREAKER_WAIT_SECONDS = 5.0  # asking a breaker burdens nobody, and what it protects may be back
MOST_FAILURES = 3

_LOG = logging.getLogger("tradeops.processes")

Unit = Callable[[], bool]
OpenUnits = Callable[[], AbstractContextManager[Unit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLoop:
    """How a process goes round.

    Args:
        heart: Told at every turn.
        switch: Ends the loop.
        idle_seconds: Wait when there was nothing to do.
        first_wait: Longest wait after a first failure; it doubles with each failure in a row.
    """

    heart: Heart
    switch: StopSwitch
    idle_seconds: float
    first_wait: float = FIRST_WAIT_SECONDS

    def run(self, open_units: OpenUnits) -> None:
        """Open, do units, and close; after a failure again, from what is durable.

        A retryable error is tried again for ever: what the process waits for comes back, and until
        then its health says so. Any other ends the process when it comes 3 times in a row.

        Raises:
            ConfigurationError: At once; trying again cures no setting.
            Exception: The third in a row that is not retryable.
        """
        failures = hopeless = 0
        self.heart.beat()
        while not self.switch.asked:
            try:
                with open_units() as unit:
                    while not self.switch.asked:
                        self._turn(unit)
                        failures = hopeless = 0
            except HandedBack:
                return
            except ConfigurationError:
                raise
            except Exception as error:
                failures += not isinstance(error, CircuitOpen)  # nothing was tried
                hopeless = 0 if getattr(error, "retryable", False) else hopeless + 1
                if hopeless >= MOST_FAILURES:
                    raise
                self._rest(error, failures)

    def _turn(self, unit: Unit) -> None:
        self.heart.beat()
        if not unit():
            self.switch.wait(self.idle_seconds)

    def _rest(self, error: Exception, failures: int) -> None:
        rests = isinstance(error, CircuitOpen)
        most = BREAKER_WAIT_SECONDS if rests else min(LONGEST_WAIT_SECONDS, self.first_wait * 2 ** (failures - 1))
        seconds = random.uniform(0, most)  # noqa: S311 - so that those who failed together do not come back together
        _LOG.log(
            logging.DEBUG if rests else logging.WARNING,
            "failed %d times in a row, again in %.1f s: %s: %s",
            failures,
            seconds,
            type(error).__name__,
            error,
        )
        self.heart.fail(error)
        self.switch.wait(seconds)
