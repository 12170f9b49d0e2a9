"""The DAGs that open and close the trading window: when they run, and what becomes of who asks."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from tradeops.bootstrap import window
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.trading_window import WindowState
from tradeops.entrypoints.airflow import window_tasks
from tradeops.settings import load_settings

DAGS = ("open_trading_window", "close_trading_window")


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    written: list[str] = []
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(window_tasks, "note_run", written.append)
    return written


def run(bag: DagBag, name: str, monkeypatch: pytest.MonkeyPatch, reason: str | None, person: str | None = None) -> str:
    dag = bag.dags[name]
    call = dag.tasks[0].python_callable
    context = {
        "params": {"reason": reason},
        "dag": dag,
        "run_id": f"run of {name}",
        "dag_run": SimpleNamespace(triggering_user_name=person),
    }
    monkeypatch.setitem(call.__globals__, "get_current_context", lambda: context)
    return str(call())


@pytest.mark.parametrize(
    ("name", "cron"),
    [
        ("open_trading_window", "5 16 * * 1-5 America/New_York"),
        ("close_trading_window", "0 9 * * 1-5 America/New_York"),
        ("supervise_processes", "*/5 * * * * None"),
    ],
)
def test_they_follow_the_exchange_s_clock_and_wait_for_a_person_to_start_them(
    bag: DagBag, name: str, cron: str
) -> None:
    timetable: Any = bag.dags[name].schedule
    expression, zone = getattr(timetable, "expression", timetable), getattr(timetable, "timezone", None)
    assert f"{expression} {zone}" == cron
    assert bag.dags[name].is_paused_upon_creation


def test_only_what_follows_a_schedule_is_paused_when_it_is_new(bag: DagBag) -> None:
    paused = {name for name, dag in bag.dags.items() if dag.is_paused_upon_creation}
    assert paused == {*DAGS, "supervise_processes"}


def test_a_person_s_reason_is_obeyed_and_recorded_once(
    bag: DagBag, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [
        run(bag, "close_trading_window", monkeypatch, "bars look wrong", "ann"),
        run(bag, "open_trading_window", monkeypatch, "bars are right again"),
        run(bag, "close_trading_window", monkeypatch, "bars look wrong", "ann"),
    ]
    changes = window.list_window_changes(load_settings())
    assert [(change.state, change.person, change.reason) for change in changes] == [
        (WindowState.CLOSED, "ann", "bars look wrong"),
        (WindowState.OPEN, "open_trading_window run of open_trading_window", "bars are right again"),
    ]
    assert notes == said
    assert said[:2] == [str(change) for change in changes]


@pytest.mark.parametrize("name", DAGS)
def test_without_a_reason_the_sessions_decide_and_the_note_says_what(
    bag: DagBag, notes: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[object] = []

    def turn(_settings: object, state: WindowState, *, now: object, requested_by: str) -> str:
        asked.append((state, requested_by))
        return "no session on 2026-11-26: the window stays as it is"

    monkeypatch.setattr(window, "turn_by_sessions", turn)
    assert run(bag, name, monkeypatch, None) == notes[0] == "no session on 2026-11-26: the window stays as it is"
    state = WindowState.OPEN if name.startswith("open") else WindowState.CLOSED
    assert asked == [(state, f"{name} run of {name}")]


def test_today_s_calendar_is_asked(bag: DagBag, notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = [run(bag, name, monkeypatch, None) for name in DAGS]
    changed = window.list_window_changes(load_settings())
    assert len(changed) <= 1  # no moment is after today's close and before it
    assert [str(change) for change in changed] == [line for line in said if "stays as it is" not in line]


def test_an_empty_reason_is_refused(bag: DagBag, notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DAGS:
        with pytest.raises(ParamValidationError):
            copy.deepcopy(bag.dags[name].params)["reason"] = ""
        with pytest.raises(AirflowFailException) as caught:
            run(bag, name, monkeypatch, " ", "ann")
        assert isinstance(caught.value.__cause__, ConfigurationError)
    assert notes == []
