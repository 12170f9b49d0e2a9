"""Asks a process to hand back what it holds, and sees to it that it ends."""

import os
import select
import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
_AGAIN_S = 0.5


class HandedBack(BaseException):
    """Work was given up between two units because somebody asked for an end; it is done by whoever comes next."""


class DeadlinePassed(BaseException):
    """The unit in hand did not end in time; what it had not made durable is done by whoever comes next."""


class StopSwitch:
    """Off until a signal asks for an end; of the main thread.

    Args:
        deadline_seconds: From the first signal until `DeadlinePassed` is raised wherever the process is.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline = deadline_seconds
        self._reader, self._writer = os.pipe()
        self.asked = False
        self.worn = False

    def listen(self) -> None:
        """Take SIGINT and SIGTERM over; later ones change nothing."""
        for signum in ENDING:
            signal.signal(signum, self._ask)

    def wait(self, seconds: float) -> None:
        """Sleep, but not past the first signal."""
        if not self.asked:
            select.select([self._reader], [], [], seconds)

    def check(self) -> None:
        """Between two units: go on, or give up.

        Raises:
            HandedBack: Somebody asked for an end.
        """
        if self.asked:
            raise HandedBack

    def replace_process(self) -> None:
        """Ask for an end because this process is not to work on: whoever supervises it starts another."""
        self.worn = True
        self._ask()

    def release(self) -> None:
        """The process ends by itself now: no deadline any more, and no signal that could cut its end short."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for signum in ENDING:
            signal.signal(signum, signal.SIG_IGN)

    def _ask(self, _signum: int | None = None, _frame: FrameType | None = None) -> None:
        if self.asked:
            return
        self.asked = True
        os.write(self._writer, b".")
        signal.signal(signal.SIGALRM, self._expire)
        # Again and again: an exception that is raised inside a finaliser is lost.
        signal.setitimer(signal.ITIMER_REAL, self._deadline, _AGAIN_S)

    def _expire(self, _signum: int, _frame: FrameType | None) -> None:
        raise DeadlinePassed
