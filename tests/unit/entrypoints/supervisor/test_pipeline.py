"""The steps of a run: each once, taken up where it stopped, and a failure that says where to look."""

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradeops.entrypoints.supervisor import pipeline as steps
from tradeops.entrypoints.supervisor.airflow_processes import AirflowProcesses, StepFailed
from tradeops.entrypoints.supervisor.pipeline import BACKFILL, DAGS, DECIDE, FEATURES, INGEST, REPLAY, REPORT, Pipeline
from tradeops.entrypoints.supervisor.progress import Progress

START = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class FakeAirflow:
    """Runs succeed at their second look, unless told otherwise."""

    runs: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    parsed: datetime = START + timedelta(seconds=5)
    triggered: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)

    def list_dags(self) -> dict[str, datetime]:
        return dict.fromkeys(DAGS, self.parsed)

    def list_import_errors(self, since: datetime) -> dict[str, str]:
        return self.broken

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, object]) -> bool:
        if (dag_id, run_id) in self.runs:
            return False
        self.triggered.append((dag_id, run_id, conf))
        self.runs[dag_id, run_id] = ["running", "success"]
        return True

    def read_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        states = self.runs[dag_id, run_id]
        return {"state": states.pop(0) if len(states) > 1 else states[0], "note": "2001: 208 sessions"}

    def list_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self.tasks if dag_id == REPLAY else []

    def clear_tasks(self, dag_id: str, run_id: str, task_ids: list[str]) -> None:
        self.cleared += task_ids
        self.tasks = []
        self.runs[dag_id, run_id] = ["running", "success"]

    def find_run_woken_by(self, dag_id: str, source_run_id: str) -> str | None:
        run_id = f"woken_by_{source_run_id}"
        self.runs.setdefault((dag_id, run_id), ["running", "success"])
        return run_id


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeops.entrypoints.supervisor.airflow_processes.time.sleep", lambda seconds: None)


def build(airflow: FakeAirflow, folder: Path) -> tuple[Pipeline, io.StringIO]:
    output = io.StringIO()
    processes = AirflowProcesses({"AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder)}, folder)
    (folder / "incident.json").write_text("{}")
    return Pipeline(airflow, processes, Progress(output), START, folder), output  # type: ignore[arg-type]


def test_a_first_run_takes_every_step_once(tmp_path: Path) -> None:
    airflow = FakeAirflow()
    pipeline, output = build(airflow, tmp_path)
    pipeline.run()
    assert airflow.triggered == [
        (BACKFILL, "make_run__until_2013-02-27", {"until": "2013-02-27"}),
        (REPLAY, "make_run__until_2013-02-27", {"until": "2013-02-27"}),
        (INGEST, "make_run__2013-02-28", {"sessions": 1}),
        (INGEST, "make_run__2013-03-01", {"sessions": 1}),
    ]
    assert (FEATURES, "woken_by_make_run__until_2013-02-27") in airflow.runs
    assert (DECIDE, "woken_by_woken_by_make_run__2013-02-28") in airflow.runs
    assert (REPORT, "woken_by_woken_by_woken_by_make_run__2013-03-01") in airflow.runs
    assert output.getvalue().count("success") == 10
    assert "replay_history       2001: 208 sessions" in output.getvalue()


def test_a_second_run_triggers_nothing_and_says_so(tmp_path: Path) -> None:
    airflow = FakeAirflow()
    build(airflow, tmp_path)[0].run()
    airflow.triggered.clear()
    pipeline, output = build(airflow, tmp_path)
    pipeline.run()
    assert airflow.triggered == []
    assert output.getvalue().count("is done") == 10


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    airflow = FakeAirflow(runs={(REPLAY, "make_run__until_2013-02-27"): ["running", "running", "success"]})
    pipeline, output = build(airflow, tmp_path)
    pipeline.run()
    assert "make_run__until_2013-02-27 goes on\n" in output.getvalue()
    assert airflow.cleared == []


@pytest.mark.parametrize("state", ["failed", "up_for_retry", "upstream_failed"])
def test_a_stuck_task_is_cleared(tmp_path: Path, state: str) -> None:
    airflow = FakeAirflow(
        runs={(REPLAY, "make_run__until_2013-02-27"): ["failed"]},
        tasks=[{"task_id": "decide_after_training", "state": state, "try_number": 1}],
    )
    pipeline, output = build(airflow, tmp_path)
    pipeline.run()
    assert airflow.cleared == ["decide_after_training"]
    assert "goes on at decide_after_training" in output.getvalue()


def test_a_failed_run_says_which_task_why_and_where(tmp_path: Path) -> None:
    airflow = FakeAirflow(tasks=[{"task_id": "decide_before_training", "state": "failed", "try_number": 2}])
    log = tmp_path / "dag_id=replay_history/run_id=r/task_id=decide_before_training/attempt=2.log"
    log.parent.mkdir(parents=True)
    frame = {"name": "load", "filename": "a.py", "lineno": 7}
    detail = [{"exc_type": "CorruptInput", "exc_value": "changed byte", "frames": [frame]}]
    log.write_text(json.dumps({"event": "Task failed", "level": "error", "error_detail": detail}) + "\nplain\n::x\n")
    pipeline, _ = build(airflow, tmp_path)
    airflow.runs[REPLAY, "r"] = ["success"]

    def trigger(dag_id: str, run_id: str, conf: dict[str, object]) -> bool:
        airflow.runs[dag_id, run_id] = ["failed"]
        return True

    airflow.trigger = trigger  # type: ignore[method-assign]
    with pytest.raises(StepFailed) as caught:
        pipeline.run_dag(REPLAY, "r", {}, 5)
    text = str(caught.value)
    assert text.startswith("replay_history failed\n  task decide_before_training, try 2; the last lines of ")
    assert str(log) in text
    assert "CorruptInput: changed byte" in text
    assert "in load (a.py:7)" in text


def test_a_broken_dag_file_ends_the_run(tmp_path: Path) -> None:
    pipeline, _ = build(FakeAirflow(broken={"replay_history.py": "SyntaxError: invalid"}), tmp_path)
    with pytest.raises(StepFailed, match=r"replay_history\.py cannot be parsed:\nSyntaxError"):
        pipeline.await_dags()


def test_dags_parsed_by_an_earlier_run_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_PARSE_S", 0.01)
    pipeline, _ = build(FakeAirflow(parsed=START - timedelta(days=1)), tmp_path)
    with pytest.raises(StepFailed, match="dag-processor was not ready within 0 s"):
        pipeline.await_dags()


def test_a_retry_that_waits_is_told_once(tmp_path: Path) -> None:
    airflow = FakeAirflow()
    pipeline, output = build(airflow, tmp_path)
    airflow.runs[REPLAY, "r"] = ["running", "running", "running", "success"]
    airflow.tasks = [{"task_id": "decide_before_training", "state": "up_for_retry", "try_number": 1}]
    pipeline._await_run(REPLAY, "r", 5)
    assert output.getvalue().count("decide_before_training failed in try 1 and is tried again later") == 1
