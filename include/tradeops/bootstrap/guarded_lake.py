"""Joins the lake to the breaker that all processes share, for a process that has no runtime."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tradeops.bootstrap.breakers import open_guards
from tradeops.bootstrap.lake import open_lake
from tradeops.bootstrap.process import MonotonicClock
from tradeops.bootstrap.s3 import read_s3_access
from tradeops.domain.errors import ExternalServiceError
from tradeops.ports.lake import Lake
from tradeops.resilience.guarded_ports import GuardedLake
from tradeops.settings import Settings

NAME = "lake"

_LOG = logging.getLogger(__name__)


@contextmanager
def open_guarded_lake(settings: Settings) -> Iterator[Lake]:
    """The lake behind the breaker of everybody who uses it; without one where the breakers cannot be reached.

    Raises:
        ConfigurationError: No adapter serves its URL.
    """
    with ExitStack() as stack:
        yield _guard(open_lake(settings.lake_url, read_s3_access(settings)), settings, stack)


def _guard(lake: Lake, settings: Settings, stack: ExitStack) -> Lake:
    try:
        guard = stack.enter_context(open_guards(settings, MonotonicClock()))
    except ExternalServiceError as error:
        # The board spares a dependency; it is not to be one.
        _LOG.warning("%s is opened without a breaker: %s", NAME, error)
        return lake
    return GuardedLake(lake, guard(NAME))
