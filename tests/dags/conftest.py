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
from tradeops.entrypoints.airflow import market_tasks, session_tasks
from tradeops.services.decide_sessions import SessionsDecided


@pytest.fixture(scope="session")
def bag() -> DagBag:
    return DagBag(dag_folder=str(ROOT / "dags"))


LOOKED: tuple[str, dict[str, Any]] = ("tell_of_dead_letters", {})


class RememberingRuntime:
    """Answers like the real one; raises `error` first when there is one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None
        self.outcomes: list[Any] = []
        self.notes: list[str] = []
        self.decided = 3

    def backfill_history(self, until: date, **asked: Any) -> ClockMove:
        self._remember("backfill_history", {"until": until, **asked})
        return ClockMove(before=None, after=until, sessions=1, requested_by=asked["requested_by"], counts={"dead": 2})

    def ingest_sessions(self, sessions: int, **asked: Any) -> ClockMove:
        self._remember("ingest_sessions", {"sessions": sessions, **asked})
        after = date(2013, 2, 28)
        return ClockMove(before=None, after=after, sessions=1, requested_by=asked["requested_by"])

    def build_features(self, **asked: Any) -> SimpleNamespace:
        self._remember("build_features", asked)
        return SimpleNamespace(sessions=1, rows=5, first=date(2013, 2, 28), last=date(2013, 2, 28))

    def decide_sessions(self, *, on_progress: Callable[[Any], None] | None = None, **asked: Any) -> SessionsDecided:
        self._remember("decide_sessions", asked)
        for outcome in self.outcomes if on_progress else ():
            on_progress(outcome)
        return SessionsDecided(decided=self.decided, already_decided=0, last=date(2013, 2, 27))

    def decide_staged(self, *, until: date | None, on_progress: object) -> dict[str, int]:
        self._remember("decide_staged", {"until": until})
        return {"shadow/shadow/blender_v1": 3}

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
    for module in (market_tasks, session_tasks):
        monkeypatch.setattr(module, "note_run", remembering.notes.append)
    monkeypatch.setattr(market_tasks, "tell_of_dead_letters", lambda: remembering.calls.append(LOOKED))
    return remembering


@pytest.fixture
def outcome() -> Callable[[str], SimpleNamespace]:
    return lambda session: SimpleNamespace(session=date.fromisoformat(session), orders=2, status="decided")
