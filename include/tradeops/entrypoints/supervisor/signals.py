"""Turns the signals that ask for an end into one exception."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType

from tradeops.entrypoints.process_death import die_with_parent

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_S = 0.25
_AGAIN_S = 0.5


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

    An exception that is raised inside a finaliser is lost, so it is raised again until `ignore_signals` says that
    somebody has caught it.

    A hang-up that was ignored when we started (`nohup`) stays ignored.
    """
    for signum in ENDING:
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, _stop)


def ignore_signals() -> None:
    """Let nothing interrupt the clean-up from here on."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    _ignore_ending()


def _stop(signum: int, _frame: FrameType | None) -> None:
    def stop_again(_signum: int, _frame: FrameType | None) -> None:
        raise StopRequested(signum)

    _ignore_ending()
    signal.signal(signal.SIGALRM, stop_again)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
    raise StopRequested(signum)


def _ignore_ending() -> None:
    for signum in ENDING:
        signal.signal(signum, signal.SIG_IGN)


def watch_parent() -> None:
    """End with the process that started us, `make`, however that is told to end.

    Its death sends us SIGTERM. While it handles a signal of its own it blocks that signal and waits for us, without
    passing SIGINT or SIGHUP on; so we look at what it blocks.
    """
    die_with_parent(signal.SIGTERM)
    kept = KeptSignals()

    def look(_signum: int, _frame: FrameType | None) -> None:
        with suppress(OSError):
            for signum in kept.look(Path(f"/proc/{os.getppid()}/status").read_text()):
                _stop(signum, None)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_S, _LOOK_S)


class KeptSignals:
    """The signals that ask for an end and that a process blocked at two looks in a row.

    One look is not enough: a process that starts another one blocks every signal until the other one is there.
    """

    def __init__(self) -> None:
        self._before: set[int] = set()

    def look(self, status: str) -> set[int]:
        """Look again; `status` is the text of /proc/<pid>/status."""
        now = read_blocked_signals(status).intersection(ENDING)
        kept, self._before = now & self._before, now
        return kept


def read_blocked_signals(status: str) -> set[int]:
    """Return the signals that a process blocks; `status` is the text of /proc/<pid>/status."""
    mask = next((int(row.split()[1], 16) for row in status.splitlines() if row.startswith("SigBlk:")), 0)
    return {signum for signum in range(1, 65) if mask >> (signum - 1) & 1}
