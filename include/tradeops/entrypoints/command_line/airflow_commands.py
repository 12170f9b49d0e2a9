"""`tradeops airflow …`: Airflow's own command line with the environment of this installation."""

import os
import sys
from typing import Annotated

import typer

from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment
from tradeops.entrypoints.supervisor.installation import load_secrets
from tradeops.settings import load_settings

EVERYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def airflow(words: Annotated[list[str] | None, typer.Argument(help="words of Airflow's command line")] = None) -> None:
    """Run Airflow's own command on this installation, as `tradeops airflow dags list`."""
    settings = load_settings()
    home = settings.state_dir / "airflow"
    if not (home / "airflow.db").exists():
        raise ConfigurationError(f"{settings.state_dir} holds no Airflow yet; start it with `make run`", home=home)
    environment = make_airflow_environment(settings, load_secrets(home))
    command = [sys.executable, "-m", "airflow", *(words or [])]
    os.execve(sys.executable, command, environment)  # noqa: S606 - the user's own words, no shell
