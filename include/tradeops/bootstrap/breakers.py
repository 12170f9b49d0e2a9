"""Joins breakers to the database that all processes of an installation share."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tradeops.adapters.breakers_sqlalchemy import SqlBreakerBoard, prepare_breakers
from tradeops.bootstrap.process import MonotonicClock
from tradeops.domain.errors import ExternalServiceError
from tradeops.ports.clock import Clock
from tradeops.resilience.guarded_calls import GuardedCalls, TellOpening
from tradeops.settings import Settings

_LOG = logging.getLogger(__name__)


@contextmanager
def open_guards(
    settings: Settings, clock: Clock, tell: TellOpening | None = None
) -> Iterator[Callable[[str], GuardedCalls]]:
    """Guards by name of what they protect, for one process; the breakers are those of the whole installation.

    They are kept beside the ledger on a server, else in a file of their own.

    Args:
        settings: Where things are.
        clock: Of the process.
        tell: Called when this process's failure opens a breaker.

    Raises:
        ExternalServiceError: The database cannot be reached.
    """
    with SqlBreakerBoard(_find_url(settings)) as board:
        yield lambda name: GuardedCalls(name=name, board=board, clock=clock, tell=tell)


@contextmanager
def open_guard(settings: Settings, name: str, tell: TellOpening | None = None) -> Iterator[GuardedCalls | None]:
    """The guard of one thing; None where the breakers cannot be reached, which spare a dependency and are to be none.

    Args:
        settings: Where things are.
        name: Of what it protects.
        tell: Called when this process's failure opens the breaker.
    """
    with ExitStack() as stack:
        guard = None
        try:
            guard = stack.enter_context(open_guards(settings, MonotonicClock(), tell))(name)
        except ExternalServiceError as error:
            _LOG.warning("%s is opened without a breaker: %s", name, error)
        yield guard


def prepare_board(settings: Settings) -> None:
    """Make what the breakers need, once for all.

    Raises:
        ExternalServiceError: The database cannot be reached.
    """
    prepare_breakers(_find_url(settings))


def _find_url(settings: Settings) -> str:
    # A writer of a breaker must not wait for a writer of the ledger, which is what one SQLite file would mean.
    on_server = settings.ledger_url.startswith("postgresql")
    return settings.ledger_url if on_server else f"sqlite:///{settings.state_dir}/breakers.db"
