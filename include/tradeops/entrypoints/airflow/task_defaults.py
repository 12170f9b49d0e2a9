"""How often a task is tried again, and who owns it.

A retry here answers the death of a process; what may pass by itself inside a process is retried there.
"""

from datetime import timedelta
from typing import Any

from tradeops.entrypoints.airflow.failure_causes import record_cause

_COMMON: dict[str, Any] = {"owner": "operations", "on_failure_callback": record_cause}

BATCH: dict[str, Any] = {
    **_COMMON,
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
}

DECISION: dict[str, Any] = {
    **_COMMON,
    "retries": 6,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=60),
}
