"""From the event that a session's features are there to the decision on record, by a `tradeops serve` beside.

A server of its own process goes round with its default options. Here sessions of the bundled data are delivered one at
a time; the clock runs from before the event is appended until another connection sees the record. In between lie the
append, the server's wait between two looks (0.2 s at most on the embedded log), the market as of the new move of the
clock, settlement and cycle of the live book, five names.
"""

import shutil
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.measuring import Measured
from tests.integration.serving import BOOK, Installation, load_sessions, wait_for
from tests.servers.kafka import lend_prefix, open_kafka
from tradeops.adapters.ledger_sqlalchemy import SqlLedger, open_ledger
from tradeops.bootstrap.runtime import open_runtime
from tradeops.services.announce_features import announce_features

SESSIONS, WARM_UP = 30, 5
LOOK_SECONDS = 0.002
MOST_SECONDS = 60.0


def measure() -> dict[str, Measured]:
    """Seconds, the 95th percentile; the note has the median."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"event_to_decision": describe(time_sessions(Installation(Path(folder))))}
    return found | {"event_to_decision_kafka": measure_on_kafka()}


def measure_on_kafka() -> Measured:
    """The same with the event log on a broker."""
    if not (shutil.which("java") and shutil.which("mvn")):
        return Measured(None, "java and mvn are not installed here")
    with tempfile.TemporaryDirectory() as folder, open_kafka() as server, lend_prefix(server) as url:
        return describe(time_sessions(Installation(Path(folder), url.replace("session_s=2", "session_s=10"))))


def describe(seconds: list[float]) -> Measured:
    """Nearest rank."""
    ordered = sorted(seconds)
    middle, high = (ordered[int(level * len(ordered))] for level in (0.5, 0.95))
    return Measured(high, f"p50 {middle:.2f} s of {len(ordered)} sessions after a year of history; idle wait included")


def time_sessions(here: Installation) -> list[float]:
    """One after another, each after the server has decided the one before."""
    here.load_history()
    with here.start("serve") as server:
        found = [_time_one(here, server) for _ in range(WARM_UP + SESSIONS)]
        here.stop(server)
    return found[WARM_UP:]


def _time_one(here: Installation, server: subprocess.Popen[str]) -> float:
    with open_runtime(here.settings) as runtime, here.open_log() as log, open_ledger(here.settings.ledger_url) as other:
        load_sessions(runtime)
        started = time.perf_counter()
        (session,) = announce_features(log, runtime.ledger, runtime.calendar, runtime.policy.time)
        _wait(other, session, started)
        seconds = time.perf_counter() - started
    wait_for(lambda: here.is_closed(session), server)
    return seconds


def _wait(ledger: SqlLedger, session: date, started: float) -> None:
    while ledger.find_decision(BOOK, session) is None:
        if time.perf_counter() - started > MOST_SECONDS:
            raise TimeoutError(f"{session} is not decided within {MOST_SECONDS} s")
        time.sleep(LOOK_SECONDS)
