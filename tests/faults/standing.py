"""Children that stand still at a place until they are told to go on."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.children import Ended, finish, start


@dataclass(frozen=True)
class Standing:
    """A child that stands still, unless it ended before.

    Args:
        stopped: Whether it stands.
    """

    pid: int
    answer: Path
    stopped: bool

    def go_on(self) -> Ended:
        os.kill(self.pid, signal.SIGCONT)
        return finish(self.pid, self.answer)


def stand_still(work: Callable[[], Any], answer: Path) -> Standing:
    """Start a child and wait until it stops itself."""
    pid = start(work, answer)
    state = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return Standing(pid, answer, stopped=state is not None and state.si_code == os.CLD_STOPPED)
