"""The steps of `make run` that go through Airflow, each under a fixed run id so that it is never done twice."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.entrypoints.supervisor.airflow_processes import AirflowProcesses, StepFailed
from tradeops.entrypoints.supervisor.progress import Progress
from tradeops.entrypoints.supervisor.task_log import read_task_tail

BACKFILL, FEATURES, REPLAY, TRAIN = "backfill_history", "build_features", "replay_history", "train_blender"
INGEST, DECIDE, REPORT = "ingest_market_data", "run_decision_cycle", "publish_report"
DAGS = (BACKFILL, FEATURES, REPLAY, TRAIN, INGEST, DECIDE, REPORT)
REPLAY_UNTIL = "2013-02-27"
INGESTED_AFTERWARDS = ("2013-02-28", "2013-03-01")
_STUCK = ("failed", "upstream_failed", "up_for_retry")
_PARSE_S, _REPLAY_S, _STEP_S, _WAKE_S, _NOTIFY_S = 90, 45 * 60, 10 * 60, 90, 15


@dataclass(slots=True)
class Pipeline:
    """Takes the bundled data through Airflow.

    Args:
        api: Airflow, logged in.
        processes: Watched while waiting.
        progress: Told about each step.
        since: Start of this run; what was parsed earlier may have changed.
        incidents: Folder in which a failure is counted when its message is written.
    """

    api: AirflowApi
    processes: AirflowProcesses
    progress: Progress
    since: datetime
    incidents: Path

    def run(self) -> None:
        """Load and replay the history, then let each later session arrive and wake what follows it.

        Raises:
            StepFailed: A step failed; the message names its log.
        """
        self.await_dags()
        history = f"make_run__until_{REPLAY_UNTIL}"
        self.run_dag(BACKFILL, history, {"until": REPLAY_UNTIL}, _STEP_S)
        self.await_woken(FEATURES, history)
        self.run_dag(REPLAY, history, {"until": REPLAY_UNTIL}, _REPLAY_S)
        newest = history
        for session in INGESTED_AFTERWARDS:
            run_id = f"make_run__{session}"
            self.run_dag(INGEST, run_id, {"sessions": 1}, _STEP_S)
            newest = self.await_woken(DECIDE, self.await_woken(FEATURES, run_id))
        self.await_woken(REPORT, newest)

    def await_dags(self) -> None:
        """Wait until the DAGs that we need are parsed and none is broken."""
        started = time.monotonic()
        self.processes.wait_for("dag-processor", self._are_dags_parsed, _PARSE_S)
        self.progress.say(f"dags               parsed in {_seconds_since(started)}")

    def run_dag(self, dag_id: str, run_id: str, conf: dict[str, object], deadline: float) -> None:
        """Start a run, or go on with the one of that id, and wait for its success."""
        started = time.monotonic()
        if not self.api.trigger(dag_id, run_id, conf):
            if self._is_done(dag_id, run_id):
                return
            self._take_up(dag_id, run_id)
        self._await_run(dag_id, run_id, deadline)
        self.progress.say(f"{dag_id:18} success in {_seconds_since(started)}")

    def await_woken(self, dag_id: str, source_run_id: str) -> str:
        """Wait for the run of a DAG that another run has woken.

        Returns:
            Its id.
        """
        started = time.monotonic()
        find = self.api.find_run_woken_by
        self.processes.wait_for("scheduler", lambda: find(dag_id, source_run_id) is not None, _WAKE_S)
        run_id = find(dag_id, source_run_id) or ""
        if self._is_done(dag_id, run_id):
            return run_id
        if self._list_stuck(dag_id, run_id):
            self._take_up(dag_id, run_id)
        self._await_run(dag_id, run_id, _STEP_S)
        self.progress.say(f"{dag_id:18} success in {_seconds_since(started)} (woken by {source_run_id})")
        return run_id

    def _are_dags_parsed(self) -> bool:
        parsed = self.api.list_dags()
        fresh = all(dag in parsed and parsed[dag] >= self.since for dag in DAGS)
        for file, trace in self.api.list_import_errors(self.since).items():
            raise StepFailed(f"dags: {file} cannot be parsed:\n{trace}")
        return fresh

    def _is_done(self, dag_id: str, run_id: str) -> bool:
        done = bool(self.api.read_run(dag_id, run_id)["state"] == "success")
        if done:
            self.progress.say(f"{dag_id:18} {run_id} is done")
        return done

    def _list_stuck(self, dag_id: str, run_id: str) -> list[str]:
        return [task["task_id"] for task in self.api.list_tasks(dag_id, run_id) if task["state"] in _STUCK]

    def _take_up(self, dag_id: str, run_id: str) -> None:
        stuck = self._list_stuck(dag_id, run_id)
        if stuck:
            self.api.clear_tasks(dag_id, run_id, stuck)
        self.progress.say(f"{dag_id:18} {run_id} goes on" + (f" at {', '.join(stuck)}" if stuck else ""))

    def _await_run(self, dag_id: str, run_id: str, deadline: float) -> None:
        said: set[str] = set()
        started = time.time()

        def is_over() -> bool:
            run = self.api.read_run(dag_id, run_id)
            self._report(dag_id, run_id, run["note"], said)
            if run["state"] == "failed":
                self._await_notification(started)
                raise StepFailed(self._explain(dag_id, run_id))
            return bool(run["state"] == "success")

        self.processes.wait_for("scheduler", is_over, deadline, pause=0.5)

    def _report(self, dag_id: str, run_id: str, note: str | None, said: set[str]) -> None:
        lines = [line.strip() for line in (note or "").splitlines()]
        for task in self.api.list_tasks(dag_id, run_id):
            if task["state"] == "up_for_retry":
                lines.append(f"{task['task_id']} failed in try {task['try_number']} and is tried again later")
        for line in lines:
            if line and line not in said:
                said.add(line)
                self.progress.say(f"{dag_id:18}   {line}")

    def _await_notification(self, started: float) -> None:
        """Leave the DAG processor the time to write the message about the failure, which it does after the fact."""
        until = time.monotonic() + _NOTIFY_S
        while time.monotonic() < until:
            if any(file.stat().st_mtime >= started for file in self.incidents.glob("*.json")):
                return
            time.sleep(0.2)

    def _explain(self, dag_id: str, run_id: str) -> str:
        tasks = [task for task in self.api.list_tasks(dag_id, run_id) if task["state"] == "failed"]
        return f"{dag_id} failed" + "".join(self._explain_task(dag_id, run_id, task) for task in tasks)

    def _explain_task(self, dag_id: str, run_id: str, task: dict[str, object]) -> str:
        log = self.processes.find_task_log(dag_id, run_id, str(task["task_id"]))
        return f"\n  task {task['task_id']}, try {task['try_number']}; the last lines of {log}:\n{read_task_tail(log)}"


def _seconds_since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
