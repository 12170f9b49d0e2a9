"""Starts the embedded Airflow and knows whether it lives."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tradeops.domain.errors import ExternalServiceError
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.entrypoints.supervisor.process_tree import end_children, kill_below, start_child
from tradeops.entrypoints.supervisor.registry_server import SERVER
from tradeops.entrypoints.supervisor.signals import ignore_signals

# A log server would listen on all interfaces; the API server reads the files itself.
COMMANDS = {
    "api-server": ("airflow", "api-server"),
    "scheduler": ("airflow", "scheduler", "--skip-serve-logs"),
    "dag-processor": ("airflow", "dag-processor"),
    "triggerer": ("airflow", "triggerer", "--skip-serve-logs"),
}
MIGRATE = ("airflow", "db", "migrate")
_MIGRATE = "migrate"
_TAIL = 15


class StepFailed(ExternalServiceError):
    """A step of the run failed; the message says which, why, and where its log is."""

    retryable = False


@dataclass(slots=True)
class AirflowProcesses:
    """The four processes of one Airflow, and the registry's server beside them.

    Args:
        environment: What all of them get.
        logs: Folder with one file a process.
    """

    environment: dict[str, str]
    logs: Path
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def migrate(self, deadline: float) -> None:
        """Bring Airflow's own database up to date.

        Args:
            deadline: Seconds it may take.

        Raises:
            StepFailed: It failed or took longer.
        """
        child = self._start(_MIGRATE, MIGRATE)
        self.wait_for("database", lambda: child.poll() is not None, deadline)
        if child.returncode != 0:
            raise StepFailed(self._explain(_MIGRATE, f"ended with {child.returncode}"))
        del self._children[_MIGRATE]

    def start(self, api: AirflowApi, deadline: float) -> None:
        """Start all four and wait until each has reported itself healthy.

        Args:
            api: Asked for their health.
            deadline: Seconds each may take.

        Raises:
            StepFailed: One ended, or is not healthy in time.
        """
        since = datetime.now(UTC)
        for name, command in COMMANDS.items():
            self._start(name, command)
        for part in ("metadatabase", "scheduler", "dag_processor", "triggerer"):
            self.wait_for(part, lambda part=part: _is_healthy(api, part, since), deadline)  # type: ignore[misc]

    def start_registry(self, command: tuple[str, ...], environment: dict[str, str]) -> None:
        """Start the registry's server; it is watched like the others from then on.

        Args:
            command: What follows `python -m`.
            environment: All of its variables.
        """
        self._start(SERVER, command, environment)

    def wait_for(self, what: str, done: Callable[[], bool], deadline: float, pause: float = 0.25) -> None:
        """Wait until something is true, as long as every process lives.

        Raises:
            StepFailed: A process ended, or the time is over.
        """
        until = time.monotonic() + deadline
        while not done():
            self.check()
            if time.monotonic() > until:
                name = {"metadatabase": "api-server", "database": _MIGRATE}.get(what, what.replace("_", "-"))
                raise StepFailed(self._explain(name, f"was not ready within {deadline:.0f} s"))
            time.sleep(pause)

    def check(self) -> None:
        """Make sure that all processes live.

        Raises:
            StepFailed: One does not.
        """
        for name, child in self._children.items():
            if name != _MIGRATE and child.poll() is not None:
                raise StepFailed(self._explain(name, f"ended with {child.returncode}"))

    def end(self) -> None:
        """End everything; a task that was running is found by the next scheduler and started again."""
        scheduler = self._children.get("scheduler")
        if scheduler is not None:
            kill_below(scheduler.pid)  # else it would wait for its tasks to finish
        end_children(list(self._children.values()))

    def find_task_log(self, dag_id: str, run_id: str, task_id: str) -> Path:
        """Return the log of a task's latest try."""
        base = Path(self.environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])
        folder = base / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return max(folder.glob("attempt=*.log"), key=lambda log: log.stat().st_mtime, default=folder)

    def _start(
        self, name: str, command: tuple[str, ...], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        if log.exists():
            os.replace(log, log.with_suffix(".previous.log"))
        self._children[name] = start_child(command, environment or self.environment, log)
        return self._children[name]

    def _explain(self, name: str, fault: str) -> str:
        log = self.logs / f"{name}.log"
        program = name if name == SERVER else f"airflow {name}"
        return f"{program} {fault}; the last lines of {log}:\n{read_tail(log)}"


@contextmanager
def run_airflow(processes: AirflowProcesses) -> Iterator[AirflowProcesses]:
    """End the processes when the block is left, however it is left."""
    try:
        yield processes
    finally:
        ignore_signals()
        processes.end()


def read_tail(log: Path, lines: int = _TAIL) -> str:
    """Return the last lines of a log, indented."""
    text = log.read_text(errors="replace") if log.is_file() else "(no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def _is_healthy(api: AirflowApi, part: str, since: datetime) -> bool:
    try:
        return part not in api.list_unhealthy(since)
    except ExternalServiceError:
        return False
