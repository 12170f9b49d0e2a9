"""The supervisor of `make run` with Airflow and MLflow up on a state folder, idle: whoever started it asks by REST.

Adds accounts of people beside the operator's and the tasks'; Airflow draws their passwords.
"""

import os
import sys

from tradeops.entrypoints.process_death import adopt_orphans
from tradeops.entrypoints.supervisor import run
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment
from tradeops.entrypoints.supervisor.installation import Secrets
from tradeops.entrypoints.supervisor.pipeline import Pipeline
from tradeops.entrypoints.supervisor.progress import Progress
from tradeops.entrypoints.supervisor.signals import StopRequested, raise_on_signals, watch_parent
from tradeops.settings import Settings, load_settings

PEOPLE = ("ann", "bob")
USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
PROMOTE = "promote_models"
UP = "up until Ctrl-C"


class IdlePipeline(Pipeline):
    """Waits until the DAGs are there, and starts none."""

    def run(self) -> None:
        self.await_dags()
        self.processes.wait_for("dag-processor", lambda: PROMOTE in self.api.list_dags(), 90)


def add_people(settings: Settings, secrets: Secrets) -> dict[str, str]:
    environment = make_airflow_environment(settings, secrets)
    return environment | {USERS: ",".join([environment[USERS], *(f"{name}:op" for name in PEOPLE)])}


def main() -> int:
    raise_on_signals()
    adopt_orphans()
    watch_parent()
    run.Pipeline = IdlePipeline
    run.make_airflow_environment = add_people
    run.print_summary = lambda settings: 0
    try:
        return run.run_installation(load_settings(), Progress(), once=False)
    except StopRequested as stop:
        return stop.exit_code


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
