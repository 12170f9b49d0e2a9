"""Limits that a busy machine does not reach, for runs whose records are compared with those of other runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from graphs.decision_cycle import run_cycle
from graphs.decision_cycle.timed_judges import TimedJudges
from tradeops.adapters import postgres

SECONDS = 3600.0


@contextmanager
def patient_agents() -> Iterator[None]:
    """No runner made meanwhile lets an agent abstain because its thread had to wait for a core."""
    with patch.object(run_cycle, "TimedJudges", lambda _seconds: TimedJudges(SECONDS)):
        yield


@contextmanager
def patient_connections() -> Iterator[None]:
    """Connections opened meanwhile wait for a lock for as long as it takes, and may rest within a transaction."""
    session = (*postgres._SESSION, "SET lock_timeout = 0", "SET idle_in_transaction_session_timeout = 0")
    with patch.multiple(postgres, _SESSION=session, SILENT_SECONDS=SECONDS):
        yield
