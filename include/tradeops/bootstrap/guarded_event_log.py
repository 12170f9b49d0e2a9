"""Joins the event log to the breaker that all processes share, and its opening to on-call."""

import logging
from contextlib import closing

from tradeops.adapters.breakers_sqlalchemy import POLICY
from tradeops.adapters.event_log_kafka import KafkaEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.bootstrap.breakers import open_guard
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.ledger import open_ledger_by_url
from tradeops.bootstrap.notifier import open_notifier
from tradeops.domain.errors import ExternalServiceError, TradeOpsError
from tradeops.ports.breaker_board import Opening
from tradeops.services.describe_outage import describe_outage
from tradeops.services.relay_outbox_once import MOST_ROWS
from tradeops.settings import Settings

NAME = "event log"

_LOG = logging.getLogger(__name__)


def open_guarded_event_log(settings: Settings) -> SqliteEventLog | KafkaEventLog:
    """The event log for a process that opens it again whenever it fails; its owner closes it.

    Processes that fail together count together, and one probe speaks for all; on-call is told by the one whose
    failure opened the breaker. A person or a task that opens the log once does so without it, and sees the cause.

    Raises:
        CircuitOpen: It failed too often just now (retryable).
        ExternalServiceError: It does not answer (retryable).
    """

    def open_it() -> SqliteEventLog | KafkaEventLog:
        return open_event_log(settings.event_log_url)

    with open_guard(settings, NAME, lambda *news: _tell(settings, *news)) as guard:
        return guard.call(open_it) if guard else open_it()


def _tell(settings: Settings, opening: Opening, error: ExternalServiceError) -> None:
    """Tell on-call; a process that cannot goes on all the same, and whoever meets the next failed probe tells."""
    outage = describe_outage(
        opening, error=error.message, rest_seconds=POLICY.rest_seconds, waits=_count_waiting(settings)
    )
    try:
        open_notifier(settings).notify(outage)
    except OSError as failure:
        _LOG.warning("nobody could be told that %s: %s: %s", outage.subject, type(failure).__name__, failure)


def _count_waiting(settings: Settings) -> str:
    try:
        with closing(open_ledger_by_url(settings.ledger_url)) as ledger:
            count = len(ledger.read_outbox(MOST_ROWS))
    except TradeOpsError as error:
        return f"records to be told; how many, the ledger does not say: {error.message}"
    many = f"at least {count}" if count == MOST_ROWS else str(count)
    return f"{many} records of the ledger to be told; what is to be loaded, sealed and decided lies where it was"
