"""Joins the model registry port to its adapter."""

from pathlib import Path

from tradeops.adapters.model_registry_mlflow import MlflowRegistry
from tradeops.bootstrap.schemes import refuse_scheme

SQLITE = "sqlite:///"


def open_model_registry(url: str, artifacts: Path) -> MlflowRegistry:
    """The registry of `TRADEOPS_REGISTRY_URL`; MLflow is imported and opened at the first call.

    Args:
        url: A database, or an MLflow server.
        artifacts: Folder of the runs' files.

    Raises:
        ConfigurationError: No adapter serves the URL.
    """
    if not url.startswith((SQLITE, "postgresql+psycopg://", "http://", "https://")):
        raise refuse_scheme("TRADEOPS_REGISTRY_URL", url, "sqlite, postgresql+psycopg, http, https")
    if url.startswith(SQLITE):
        Path(url.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    return MlflowRegistry(url, artifacts)


def prepare_model_registry(url: str, artifacts: Path) -> None:
    """Make MLflow's tables in a database; a server of MLflow has made its own.

    Raises:
        ConfigurationError: No adapter serves the URL.
        ExternalServiceError: The database does not answer.
    """
    registry = open_model_registry(url, artifacts)
    if not url.startswith("http"):
        registry.prepare()
