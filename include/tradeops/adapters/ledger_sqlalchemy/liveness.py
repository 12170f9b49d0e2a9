"""Whether the owner of a claim still lives."""

import socket

import psutil

from tradeops.domain.claims import Owner

# A process's start is derived from the boot time, which moves when the clock is set.
_START_TOLERANCE = 2.0


def is_dead(owner: Owner) -> bool:
    """True when the owner ran on this host and does no more; False also when nobody can know."""
    if owner.host != socket.gethostname():
        return False
    try:
        process = psutil.Process(owner.pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return gone or abs(process.create_time() - owner.started) > _START_TOLERANCE
    except psutil.NoSuchProcess:
        return True
