"""What the tasks ask of the runtime, and what becomes of its errors."""

import logging
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from tests.dags.conftest import LOOKED, RememberingRuntime
from tradeops.bootstrap import serving
from tradeops.domain.errors import CorruptInput, CycleHeld, SourceExhausted
from tradeops.entrypoints.airflow import market_tasks, session_tasks
from tradeops.entrypoints.airflow.task_runtime import fail_unless_retryable
from tradeops.entrypoints.airflow.yearly_progress import YearlyProgress


def test_loading_names_the_run_that_asks(runtime: RememberingRuntime) -> None:
    loaded = market_tasks.load_history(date(2013, 2, 27), None, "run-1")
    assert loaded == {"after": "2013-02-27", "sessions": 1, "dead": 2}
    assert runtime.calls == [
        ("backfill_history", {"until": date(2013, 2, 27), "first": None, "requested_by": "run-1"}),
        LOOKED,
    ]
    assert runtime.notes == ["market clock unset -> 2013-02-27, 1 sessions; 2 dead"]


def test_delivery_names_the_run_that_asks(runtime: RememberingRuntime) -> None:
    assert market_tasks.deliver_sessions(2, "run-2") == {"after": "2013-02-28", "sessions": 1}
    assert runtime.calls == [("ingest_sessions", {"sessions": 2, "requested_by": "run-2"}), LOOKED]


def test_an_exhausted_source_skips_the_task(runtime: RememberingRuntime) -> None:
    runtime.error = SourceExhausted("the source holds no session after 2013-03-01")
    with pytest.raises(AirflowSkipException, match="no session after 2013-03-01"):
        market_tasks.deliver_sessions(1, "run-3")


def test_building_says_what_was_built(runtime: RememberingRuntime) -> None:
    assert market_tasks.build_features() == {"sessions": 1, "rows": 5}
    assert runtime.notes == ["1 sessions of features, 2013-02-28 to 2013-02-28"]


def test_building_for_delivered_sessions_builds_first_and_announces_then(
    runtime: RememberingRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def announce(found: RememberingRuntime) -> tuple[date, ...]:
        assert [name for name, _ in found.calls] == ["build_features"]
        return (date(2013, 2, 28),)

    monkeypatch.setattr(serving, "announce_session_features", announce)

    assert market_tasks.build_session_features() == {"sessions": 1, "rows": 5, "announced": ["2013-02-28"]}


def test_deciding_returns_counts_only(runtime: RememberingRuntime) -> None:
    found = session_tasks.decide_due_sessions(date(2013, 2, 28))
    beside = {"shadow/shadow/blender_v1": 3}
    assert found == {"decided": 3, "already_decided": 0, "last": "2013-02-27", "beside": beside}
    assert runtime.calls == [
        ("decide_sessions", {"run": "live", "until": None, "only": date(2013, 2, 28)}),
        ("decide_staged", {"until": None}),
    ]
    assert runtime.notes == ["3 sessions decided, the last is 2013-02-27"]


@pytest.mark.parametrize("error", [CorruptInput("changed byte"), ValueError("a bug"), KeyError("a bug")])
def test_an_error_that_a_retry_repeats_fails_at_once(runtime: RememberingRuntime, error: Exception) -> None:
    runtime.error = error
    with pytest.raises(AirflowFailException, match=type(error).__name__) as caught:
        session_tasks.decide_due_sessions()
    assert caught.value.__cause__ is error


def test_a_retryable_error_stays_one(runtime: RememberingRuntime) -> None:
    runtime.error = CycleHeld("held by another")
    with pytest.raises(CycleHeld):
        session_tasks.decide_due_sessions()


@pytest.mark.parametrize("error", [AirflowSkipException("skip"), AirflowFailException("fail")])
def test_what_airflow_says_itself_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, fail_unless_retryable():
        raise error
    assert caught.value is error


def test_cleared_task_shows_the_record_of_what_is_decided(
    runtime: RememberingRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.decided = 0
    with caplog.at_level(logging.INFO):
        assert session_tasks.decide_due_sessions()["decided"] == 0
    assert 'already decided: {"outcome":"final_session"}' in caplog.messages
    assert runtime.calls[1] == ("find_record", {"reference": "2013-02-27", "run": "live"})


def test_progress_is_one_line_a_year(
    outcome: Callable[[str], Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: Iterator[float] = iter([100.0, 107.4, 109.6])
    monkeypatch.setattr("tradeops.entrypoints.airflow.yearly_progress.time.monotonic", lambda: next(ticks))
    notes: list[str] = []
    progress = YearlyProgress(notes.append)
    with caplog.at_level(logging.INFO):
        for session in ("2001-12-28", "2001-12-31", "2002-01-02"):
            progress(outcome(session))
        progress.report()
    assert notes == [
        "2001: 2 sessions, 4 orders, 7 s",
        "2002: 1 sessions, 2 orders, 10 s\n2001: 2 sessions, 4 orders, 7 s",
    ]
    assert [record.message for record in caplog.records] == notes[1].splitlines()[::-1]


def test_progress_of_nothing_is_silent() -> None:
    YearlyProgress(pytest.fail).report()


def test_the_replay_dag_runs(bag: Any, runtime: RememberingRuntime, tmp_path: Path) -> None:
    """One run in this process: parameters reach the use cases, in order."""
    from airflow.utils.db import initdb

    initdb()
    dag = bag.dags["replay_history"]
    dag_run = dag.test(run_conf={"until": "2004-01-02", "run": "trial"})
    assert dag_run.state == "success"
    (decide,) = runtime.calls
    assert decide == ("decide_sessions", {"run": "trial", "until": date(2004, 1, 2), "only": None})
