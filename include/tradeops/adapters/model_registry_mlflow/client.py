"""MLflow's client, quiet and without a word to anybody else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from tradeops.domain.errors import ExternalServiceError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What these say at INFO and WARNING is about tables made and hints for notebooks.
_CHATTY = ("mlflow", "alembic")


def open_client(url: str) -> "MlflowClient":
    """A client of a tracking and registry store; importing MLflow takes seconds, so it is done here."""
    # Its first import attaches a handler to its logger, so that levels are set after it.
    from mlflow import MlflowClient  # noqa: PLC0415
    from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY  # noqa: PLC0415
    from mlflow.telemetry import set_telemetry_client  # noqa: PLC0415

    MLFLOW_DISABLE_TELEMETRY.set(True)  # type: ignore[no-untyped-call]
    set_telemetry_client()  # type: ignore[no-untyped-call]
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=url, registry_uri=url)


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """MLflow's errors as ours: the registry cannot be used for now.

    Raises:
        ExternalServiceError: MLflow or what it stands on failed.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        told = str(error).replace(url, redact(url))
        raise ExternalServiceError(
            f"the model registry at {redact(url)} does not answer as it should: {told}"
        ) from error


def redact(url: str) -> str:
    """The address without account, password and query."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}"
