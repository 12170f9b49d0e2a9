"""The supervisor of `make run` with Airflow and MLflow up on a state folder, idle: whoever started it asks by REST.

Adds accounts of people beside the operator's and the tasks'; Airflow draws their passwords.
"""

import sys

from tests.integration.idle_airflow import await_named, serve_idle
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment
from tradeops.entrypoints.supervisor.installation import Secrets
from tradeops.entrypoints.supervisor.pipeline import Pipeline
from tradeops.settings import Settings

PEOPLE = ("ann", "bob")
USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
PROMOTE = "promote_models"
UP = "up until Ctrl-C"


def add_people(settings: Settings, secrets: Secrets) -> dict[str, str]:
    environment = make_airflow_environment(settings, secrets)
    return environment | {USERS: ",".join([environment[USERS], *(f"{name}:op" for name in PEOPLE)])}


def await_dags(pipeline: Pipeline) -> None:
    pipeline.await_dags()
    await_named(pipeline, {PROMOTE})


if __name__ == "__main__":
    sys.exit(serve_idle(add_people, await_dags))
