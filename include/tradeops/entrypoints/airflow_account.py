"""Logs in to this installation's Airflow with the account that the installation was given."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tradeops.domain.errors import ConfigurationError
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.settings import Settings


@contextmanager
def connect_airflow(settings: Settings) -> Iterator[AirflowApi]:
    """A client of the REST API.

    Raises:
        ConfigurationError: There is no account to log in with.
    """
    path = settings.airflow_credentials_file
    try:
        account = json.loads(path.read_text())
        api = AirflowApi(settings.airflow_url, str(account["username"]), str(account["password"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} holds no account of Airflow; start it with `make run`", path=path) from error
    try:
        yield api
    finally:
        api.close()
