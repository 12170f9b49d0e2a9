"""Bit for bit holds only with one numeric thread: a cycle refuses to start otherwise."""

from threadpoolctl import threadpool_info

from tradeops.domain.errors import ConfigurationError


def require_single_thread() -> None:
    """Check every numeric library that is loaded.

    Raises:
        ConfigurationError: One of them would use several threads.
    """
    wide = sorted(str(pool["prefix"]) for pool in threadpool_info() if pool["num_threads"] != 1)
    if wide:
        raise ConfigurationError(
            f"{', '.join(wide)} may use several threads, which changes sums in the last bit; "
            "set OPENBLAS_NUM_THREADS=1 and OMP_NUM_THREADS=1",
            libraries=wide,
        )
