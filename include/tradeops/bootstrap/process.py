"""What this process is: its clock, its numeric fingerprint."""

import platform
import sys
import time
from collections.abc import Mapping
from functools import cache

import numpy as np
from threadpoolctl import threadpool_info


@cache
def take_fingerprint() -> Mapping[str, str]:
    """What the bits of a float may depend on: Python, numpy, processor class, BLAS and threads."""
    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "blas": ", ".join(f"{pool['prefix']} {pool['version']}" for pool in blas),
        "blas_kernel": ", ".join(str(pool.get("architecture")) for pool in blas),
        "threads": ", ".join(str(pool["num_threads"]) for pool in blas),
    }


class MonotonicClock:
    """The process's own clock."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()
