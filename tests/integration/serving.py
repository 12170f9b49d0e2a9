"""An installation shortly after the book opens, and the product's own processes at work on it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from tests.conftest import ROOT
from tradeops.adapters.event_log_kafka import KafkaEventLog
from tradeops.adapters.event_log_sqlite import SqliteEventLog
from tradeops.adapters.ledger_sqlalchemy import open_ledger
from tradeops.bootstrap.event_log import open_event_log
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.bootstrap.serving import announce_session_features
from tradeops.bootstrap.window import record_window_change
from tradeops.domain.decisions import Decision
from tradeops.domain.errors import TradeOpsError
from tradeops.domain.identifiers import BookId
from tradeops.domain.trading_window import WindowChange, WindowState
from tradeops.entrypoints.processes.health import describe_health
from tradeops.ports.event_log import NewMessage
from tradeops.settings import Settings, make_child_environment

LOADED_UNTIL = date(2001, 3, 6)
BOOK = BookId()
MOST_SECONDS = 300.0  # on a machine that is busy
AGAIN_SECONDS = 0.2
PROGRAM = "from tradeops.entrypoints.command_line.main import main; main()"
# An agent that a busy machine keeps waiting abstains, and then a decision is not the same once more.
PATIENT = f"""
from graphs.decision_cycle.run_cycle import DecisionCycleRunner
DecisionCycleRunner.__init__.__kwdefaults__["agent_seconds"] = {MOST_SECONDS}
"""


@dataclass(frozen=True)
class Installation:
    """A state folder.

    Args:
        event_log_url: Another log than that of the folder.
    """

    state_dir: Path
    event_log_url: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(state_dir=self.state_dir, event_log_url=self.event_log_url)

    def load_history(self) -> None:
        with open_runtime(self.settings) as runtime:
            insist(lambda: runtime.backfill_history(LOADED_UNTIL, requested_by="history"))
            runtime.build_features()

    def deliver(self, count: int = 1) -> tuple[date, ...]:
        """As the DAGs do: bars, features, and the word that they are there."""
        with open_runtime(self.settings) as runtime:
            load_sessions(runtime, count)
            return announce_session_features(runtime)

    def send(self, topic: str, value: bytes) -> None:
        with self.open_log() as log:
            log.append([NewMessage(topic=topic, key="XNYS", value=value)])

    def read(self, topic: str) -> list[bytes]:
        with self.open_log() as log:
            return [message.value for place in log.end_offsets(topic) for message in log.read(topic, place, 0)]

    def open_log(self) -> SqliteEventLog | KafkaEventLog:
        return open_event_log(self.settings.event_log_url)

    def list_decisions(self) -> list[Decision]:
        with open_ledger(self.settings.ledger_url) as ledger:
            ledger.verify_chains()
            return [record.decision for record in ledger.list_decisions(BOOK)]

    def is_closed(self, session: date) -> bool:
        with open_ledger(self.settings.ledger_url) as ledger:
            return ledger.last_closed_session(BOOK) == session

    def turn_window(self, state: WindowState) -> None:
        at = datetime.now(UTC)
        asked = WindowChange(requested_by=f"{state} {at}", state=state, person="ann", reason="a test", at=at)
        record_window_change(self.settings, asked)

    def health(self, process: str) -> str:
        return "\n".join(describe_health(self.state_dir, process, MOST_SECONDS)[0])

    @contextmanager
    def start(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """`tradeops …` as a child that does not outlive the test."""
        program = PATIENT + PROGRAM if words[0] == "serve" else PROGRAM
        command = [sys.executable, "-c", program, *words, "--with-parent", "--deadline", f"{MOST_SECONDS}"]
        environment = make_child_environment(self.settings, {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT}"})
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            yield child
        finally:
            child.kill()
            child.communicate()

    def stop(self, child: subprocess.Popen[str]) -> str:
        """What it logged; it must have ended well."""
        child.terminate()
        logged = child.communicate(timeout=MOST_SECONDS)[1]
        assert child.returncode == 0, logged
        return logged


def load_sessions(runtime: Runtime, count: int = 1) -> None:
    clock = runtime.ledger.market_clock()
    insist(lambda: runtime.ingest_sessions(count, requested_by=f"after {clock}"))
    runtime.build_features()


def insist(load: Callable[[], object]) -> None:
    """As Airflow does with an error that calls itself retryable: a broker may move a group on at any time."""
    until = time.monotonic() + MOST_SECONDS
    while True:
        try:
            load()
            return
        except TradeOpsError as error:
            if not error.retryable or time.monotonic() > until:
                raise
        time.sleep(AGAIN_SECONDS)


def wait_for(condition: Callable[[], bool], *children: subprocess.Popen[str]) -> None:
    """Until it holds; a child that ends meanwhile fails the test with what it logged."""
    until = time.monotonic() + MOST_SECONDS
    while not condition():
        for child in children:
            if child.poll() is not None:
                raise AssertionError(f"ended with {child.returncode}: {child.communicate()[1]}")
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.1)
