"""Joins the lake to the breaker that all processes share, for a process that has no runtime."""

from collections.abc import Iterator
from contextlib import contextmanager

from tradeops.bootstrap.breakers import open_guard
from tradeops.bootstrap.lake import open_lake
from tradeops.bootstrap.s3 import read_s3_access
from tradeops.ports.lake import Lake
from tradeops.resilience.guarded_ports import GuardedLake
from tradeops.settings import Settings

NAME = "lake"


@contextmanager
def open_guarded_lake(settings: Settings) -> Iterator[Lake]:
    """The lake behind the breaker of everybody who uses it; without one where the breakers cannot be reached.

    Raises:
        ConfigurationError: No adapter serves its URL.
    """
    lake = open_lake(settings.lake_url, read_s3_access(settings))
    with open_guard(settings, NAME) as guard:
        yield GuardedLake(lake, guard) if guard else lake
