"""One run: Airflow up, the pipeline through it, the summary, everything down."""

import os
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.process_death import die_with
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment, prepare_home
from tradeops.entrypoints.supervisor.airflow_processes import AirflowProcesses, run_airflow
from tradeops.entrypoints.supervisor.installation import OPERATOR, hold_state_dir, load_secrets, write_credentials
from tradeops.entrypoints.supervisor.pipeline import Pipeline
from tradeops.entrypoints.supervisor.preflight import list_faults
from tradeops.entrypoints.supervisor.progress import Progress
from tradeops.entrypoints.supervisor.registry_server import (
    SERVER,
    find_registry_page,
    is_registry_healthy,
    is_registry_ours,
    make_registry_command,
    make_registry_environment,
)
from tradeops.settings import Settings, make_child_environment

_MIGRATE_S, _HEALTH_S = 120, 120


def run_installation(settings: Settings, progress: Progress, *, once: bool) -> int:
    """Bring the installation up and take the bundled data through it.

    Args:
        settings: Where things are.
        progress: Told about each step.
        once: End after the summary, else stay up until a signal.

    Returns:
        The exit code of the summary.

    Raises:
        ConfigurationError: The machine will not do, or another run lives.
        StepFailed: A step failed.
    """
    with hold_state_dir(settings.state_dir):
        if faults := list_faults(settings.state_dir, settings.airflow_port, settings.registry_port):
            raise ConfigurationError("; ".join(faults))
        home = settings.state_dir / "airflow"
        resumed = (home / "airflow.db").exists()
        progress.say(f"{'resuming' if resumed else 'starting'} in {settings.state_dir}")
        prepare_home(home)
        secrets = load_secrets(home)
        write_credentials(settings.airflow_credentials_file, secrets)
        processes = AirflowProcesses(make_airflow_environment(settings, secrets), settings.state_dir / "logs")
        client = AirflowApi(settings.airflow_url, OPERATOR, secrets.operator_password)
        with run_airflow(processes), closing(client) as api:
            since = datetime.now(UTC)
            if is_registry_ours(settings):
                processes.start_registry(make_registry_command(settings), make_registry_environment(settings))
            _migrate(processes, home / "migrated_to", progress)
            _start_airflow(processes, api, progress)
            progress.say(f"airflow            {settings.airflow_url}  {OPERATOR} / {secrets.operator_password}")
            _await_registry(processes, settings, progress)
            Pipeline(api, processes, progress, since, settings.state_dir / "incidents").run()
            code = print_summary(settings)
            if not once and code == 0:
                _stay(processes, progress)
        return code


def print_summary(settings: Settings) -> int:
    """Let `tradeops summary` print what was done.

    Returns:
        Its exit code.
    """
    command = [sys.executable, "-m", "tradeops.entrypoints.command_line", "summary"]
    environment = make_child_environment(settings)
    with subprocess.Popen(command, env=environment, preexec_fn=partial(die_with, os.getpid())) as child:  # noqa: PLW1509, S603
        return child.wait()


def _migrate(processes: AirflowProcesses, mark: Path, progress: Progress) -> None:
    """Migrate Airflow's database, unless this version of Airflow has done so; the check alone costs seconds."""
    started, wanted = time.monotonic(), version("apache-airflow")
    if not mark.exists() or mark.read_text() != wanted:
        processes.migrate(_MIGRATE_S)
        mark.write_text(wanted)
    progress.say(f"airflow            database ready in {time.monotonic() - started:.1f} s")


def _start_airflow(processes: AirflowProcesses, api: AirflowApi, progress: Progress) -> None:
    started = time.monotonic()
    processes.start(api, _HEALTH_S)
    progress.say(f"airflow            four processes healthy in {time.monotonic() - started:.1f} s")


def _await_registry(processes: AirflowProcesses, settings: Settings, progress: Progress) -> None:
    if is_registry_ours(settings):
        processes.wait_for(SERVER, lambda: is_registry_healthy(settings), _HEALTH_S)
    progress.say(f"mlflow             {find_registry_page(settings)}")


def _stay(processes: AirflowProcesses, progress: Progress) -> None:
    progress.say("up until Ctrl-C")
    while True:
        processes.check()
        time.sleep(1.0)
