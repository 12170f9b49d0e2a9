"""The event log on one SQLite file."""

from tradeops.adapters.event_log_sqlite.log import SqliteEventLog

__all__ = ["SqliteEventLog"]
