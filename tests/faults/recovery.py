"""How long until work goes on after a fault."""

import time
from collections.abc import Callable

from tests.faults.fail_points import Tripwire

CLOSED = "after ledger close_cycle"


def time_recovery(run: Callable[[Tripwire], object], place: str = CLOSED) -> float:
    """Milliseconds until a run first passes a place, or has found that nothing is left to do."""
    started, passed = time.monotonic(), list[float]()
    run(Tripwire(place, strike=lambda: passed.append(time.monotonic())))
    return round(1000 * ([*passed, time.monotonic()][0] - started), 1)
