"""Which process this is, and whether another one still lives."""

import os
import socket

import psutil

from tradeops.domain.claims import Owner

# A process's start is derived from the boot time, which moves when the clock is set.
_START_TOLERANCE = 2.0


def identify_process() -> Owner:
    """This process; ask after a fork, not before."""
    return Owner(host=socket.gethostname(), pid=os.getpid(), started=psutil.Process().create_time())


def is_local(owner: Owner) -> bool:
    """Whether the owner runs, or ran, on this host, so that one can look."""
    return owner.host == socket.gethostname()


def is_dead(owner: Owner) -> bool:
    """True when the owner ran on this host and does no more; False also when nobody can know."""
    if not is_local(owner):
        return False
    try:
        process = psutil.Process(owner.pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return gone or abs(process.create_time() - owner.started) > _START_TOLERANCE
    except psutil.NoSuchProcess:
        return True
