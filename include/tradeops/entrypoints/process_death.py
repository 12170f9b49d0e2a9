"""Makes the death of a process the death of its children (Linux)."""

import ctypes
import os
import signal
import threading

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent dies.

    Args:
        signum: The signal to send.
    """
    _LIBC.prctl(_PR_SET_PDEATHSIG, signum)


def die_with(parent: int, signum: int = signal.SIGKILL) -> None:
    """The same for a parent that may be dead already.

    Args:
        parent: Its process id.
        signum: The signal to send.
    """
    die_with_parent(signum)
    if os.getppid() != parent:  # it died before the call above
        os.kill(os.getpid(), signum)


def adopt_orphans() -> None:
    """Become the parent of every orphan among this process's descendants, instead of init."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)


class _ForkedChildrenDieToo:
    """Hooks around `os.fork`: the child dies with its parent.

    The kernel counts the death of the *thread* that forked, so a child of a side thread is left alone.
    """

    def __init__(self) -> None:
        self._parent = 0

    def before(self) -> None:
        self._parent = os.getpid() if threading.current_thread() is threading.main_thread() else 0

    def in_child(self) -> None:
        if self._parent:
            die_with(self._parent)


def bind_forks_to_parent() -> None:
    """Make every child that this process or its children fork from their main thread die with its parent."""
    hooks = _ForkedChildrenDieToo()
    os.register_at_fork(before=hooks.before, after_in_child=hooks.in_child)
