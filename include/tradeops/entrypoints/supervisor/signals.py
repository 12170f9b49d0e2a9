"""Turns the signals that ask for an end into one exception."""

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked this process to end.

    Args:
        signum: The signal that said so.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.exit_code = 128 + signum


def raise_on_signals() -> None:
    """Raise `StopRequested` in the main thread at the first signal that asks for an end; ignore later ones.

    A hang-up that was ignored when we started (`nohup`) stays ignored.
    """
    for signum in ENDING:
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, _stop)


def ignore_signals() -> None:
    """Let nothing interrupt the clean-up from here on."""
    for signum in ENDING:
        signal.signal(signum, signal.SIG_IGN)


def _stop(signum: int, _frame: FrameType | None) -> None:
    ignore_signals()
    raise StopRequested(signum)
