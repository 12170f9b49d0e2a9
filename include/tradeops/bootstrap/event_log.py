"""Joins the event log port to its adapters."""

from tradeops.adapters.event_log_kafka import SCHEMES, KafkaAddress, KafkaEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.bootstrap.schemes import refuse_scheme


def open_event_log(url: str) -> SqliteEventLog | KafkaEventLog:
    """The event log of `TRADEOPS_EVENT_LOG_URL`; its owner closes it.

    Raises:
        ConfigurationError: No adapter serves the URL, or what it says does not fit what is there.
        ExternalServiceError: The broker does not answer (retryable).
    """
    scheme = url.partition(":")[0]
    if scheme in SCHEMES:
        return KafkaEventLog(KafkaAddress.parse(url))
    if scheme != "sqlite":
        raise refuse_scheme("TRADEOPS_EVENT_LOG_URL", url, f"sqlite, {', '.join(SCHEMES)}")
    return SqliteEventLog(url)
