"""A member of the group that polls and never answers: it takes what it is given, and leaves."""

import signal
from contextlib import closing, suppress

from tradeops.bootstrap.event_log import open_event_log
from tradeops.domain.errors import ExternalServiceError
from tradeops.services.drain_events_once import open_decider


class _Leave(Exception):
    """Somebody asked it to."""


def join_group(url: str) -> None:
    """Take part until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    with suppress(_Leave, ExternalServiceError), closing(open_event_log(url)) as log, open_decider(log) as consumer:
        while True:
            consumer.poll(1)


def _leave(*_: object) -> None:
    raise _Leave
