"""Joins the event log port to its adapter."""

from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.bootstrap.schemes import refuse_scheme


def open_event_log(url: str) -> SqliteEventLog:
    """The event log of `TRADEOPS_EVENT_LOG_URL`; its owner closes it.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if not url.startswith("sqlite:"):
        raise refuse_scheme("TRADEOPS_EVENT_LOG_URL", url, "sqlite")
    return SqliteEventLog(url)
