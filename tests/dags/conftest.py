"""One parse of the DAG folder, and a runtime that only remembers what it was asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.conftest import ROOT
from tradeops.bootstrap import runtime as bootstrap_runtime
from tradeops.domain.claims import ClockMove
from tradeops.services.decide_sessions import SessionsDecided


@pytest.fixture(scope="session")
def bag() -> DagBag:
    return DagBag(dag_folder=str(ROOT / "dags"))


class RememberingRuntime:
    """Answers like the real one; raises `error` first when there is one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None
        self.outcomes: list[Any] = []
        self.decided = 3

    def move_market_clock(self, **asked: Any) -> ClockMove:
        self._remember("move_market_clock", asked)
        after = asked.get("to") or date(2013, 2, 28)
        return ClockMove(before=None, after=after, sessions=1, requested_by=asked["requested_by"])

    def decide_sessions(self, *, on_progress: Callable[[Any], None] | None = None, **asked: Any) -> SessionsDecided:
        self._remember("decide_sessions", asked)
        for outcome in self.outcomes if on_progress else ():
            on_progress(outcome)
        return SessionsDecided(decided=self.decided, already_decided=0, last=date(2013, 2, 27))

    def find_record(self, reference: str, *, run: str) -> SimpleNamespace:
        self._remember("find_record", {"reference": reference, "run": run})
        return SimpleNamespace(decision=SimpleNamespace(canonical_bytes=b'{"outcome":"final_session"}'))

    def _remember(self, name: str, asked: dict[str, Any]) -> None:
        self.calls.append((name, asked))
        if self.error:
            raise self.error


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> RememberingRuntime:
    remembering = RememberingRuntime()

    @contextmanager
    def open_runtime(settings: object) -> Iterator[RememberingRuntime]:
        yield remembering

    monkeypatch.setattr(bootstrap_runtime, "open_runtime", open_runtime)
    return remembering


@pytest.fixture
def outcome() -> Callable[[str], SimpleNamespace]:
    return lambda session: SimpleNamespace(session=date.fromisoformat(session), orders=2, status="decided")
