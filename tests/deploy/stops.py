"""Places at which a deciding task stands still when asked, so that a fault strikes there and nowhere else.

The task asks by way of files, since nothing else joins it to the test: worker, pool and supervisor stand between them.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from tests.faults.installation import DELIVERIES, LoggedBroker, wait_for_agents
from tests.faults.mutants import change_ledger, ignore_epoch
from tradeops.bootstrap import runtime as bootstrap
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.errors import StaleEpoch
from tradeops.domain.identifiers import BookId
from tradeops.domain.orders import Order, OrderChange
from tradeops.settings import Settings

FOLDER = "STOPS_FOLDER"
IGNORE_EPOCH = "ignore the epoch"
REFUSED = "refused.jsonl"


def before_record(session: date) -> str:
    return f"before the record of {session}"


def after_order(client_order_id: str) -> str:
    return f"after order {client_order_id}"


@dataclass(frozen=True)
class Stops:
    """Stops asked for, and who stands where.

    Args:
        folder: One that test and tasks can reach.
    """

    folder: Path

    def ask(self, what: str) -> None:
        """Ask the first task that comes by from now on."""
        self._note(what).unlink(missing_ok=True)
        (self.folder / what).touch()

    def find_standing(self, place: str) -> psutil.Process | None:
        """The task that stands still there."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            return psutil.Process(int(self._note(place).read_text()))
        return None

    def let_go(self, task: psutil.Process) -> None:
        """Let it go on."""
        self._permission(task.pid).touch()

    def list_refused(self) -> list[dict[str, Any]]:
        """Records that the ledger refused for their old epoch."""
        path = self.folder / REFUSED
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def set_traps(self) -> None:
        """Watch what this process, a task, does to ledger and broker; its agents may be slow."""
        open_runtime = bootstrap.open_runtime

        @contextmanager
        def open_watched(settings: Settings) -> Iterator[Runtime]:
            with open_runtime(settings) as opened:
                runtime = ignore_epoch(opened) if self._take(IGNORE_EPOCH) else opened
                yield self._watch(runtime, settings.state_dir / DELIVERIES)

        patch.object(bootstrap, "open_runtime", open_watched).start()
        wait_for_agents().__enter__()

    def stand_still(self, place: str) -> None:
        """Wait here if that was asked for, until somebody lets go.

        Not by SIGSTOP: the kernel hangs up on a stopped process whose parent dies.
        """
        if self._take(place):
            fresh = self.folder / f"{os.getpid()}.new"
            fresh.write_text(str(os.getpid()))
            fresh.rename(self._note(place))
            while not self._permission(os.getpid()).exists():
                time.sleep(0.02)

    def _watch(self, runtime: Runtime, deliveries: Path) -> Runtime:
        broker = StoppingBroker(LoggedBroker(runtime.broker, runtime.ledger, deliveries), self)
        changed = change_ledger(record_decision=self._record_decision)(runtime)
        return replace(changed, broker=broker)

    def _record_decision(self, ledger: Any, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        self.stand_still(before_record(claim.session))
        try:
            ledger.record_decision(claim, record, asked_by)
        except StaleEpoch:
            line = {"pid": os.getpid(), "session": claim.session.isoformat(), "epoch": claim.epoch}
            with (self.folder / REFUSED).open("a") as lines:
                lines.write(json.dumps(line) + "\n")
            raise

    def _note(self, place: str) -> Path:
        return self.folder / f"{place}.pid"

    def _permission(self, pid: int) -> Path:
        return self.folder / f"{pid}.goes"

    def _take(self, asked: str) -> bool:
        try:
            (self.folder / asked).unlink()
        except FileNotFoundError:
            return False
        return True


@dataclass(frozen=True)
class StoppingBroker:
    """Stands still when an order is delivered, and nobody here knows yet."""

    inner: LoggedBroker
    stops: Stops

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        answer = self.inner.submit(book_id, order)
        self.stops.stand_still(after_order(order.client_order_id))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
