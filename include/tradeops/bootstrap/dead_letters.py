"""Joins the watch over dead letters to this installation."""

import logging
from datetime import UTC, datetime

from tradeops.bootstrap.notifier import open_notifier
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.topics import TOPICS
from tradeops.ports.event_log import EventLog
from tradeops.services.watch_dead_letters import watch_dead_letters
from tradeops.settings import Settings

_LOG = logging.getLogger(__name__)


def tell_of_dead_letters(settings: Settings, log: EventLog) -> tuple[str, ...]:
    """Tell on-call of dead-letter topics that grow.

    The work whose messages died is done: when it cannot be told, the log says so, and the next look tells.

    Args:
        settings: Where notifications go.
        log: The event log.

    Returns:
        The topics that were told of now.
    """
    return tuple(topic for topic in TOPICS if _watch(settings, log, topic))


def _watch(settings: Settings, log: EventLog, topic: str) -> bool:
    try:
        return watch_dead_letters(log, open_notifier(settings), topic=topic, at=datetime.now(UTC))
    except (TradeOpsError, OSError) as error:
        _LOG.warning("nobody could be told of dead letters of %s: %s: %s", topic, type(error).__name__, error)
        return False
