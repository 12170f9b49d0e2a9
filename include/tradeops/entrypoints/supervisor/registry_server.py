"""The page on which ML engineers look at trainings, models and reports: MLflow's own server, one process."""

import httpx

from tradeops.settings import Settings, make_child_environment

SERVER = "mlflow"
_SERVER = ("http://", "https://")


def is_registry_ours(settings: Settings) -> bool:
    """Whether MLflow's server is started here, over a file or a database; one given by its address runs elsewhere."""
    return not settings.registry_url.startswith(_SERVER)


def find_registry_page(settings: Settings) -> str:
    """Where the registry is looked at; an address without its account, for it is shown."""
    if is_registry_ours(settings):
        return f"http://127.0.0.1:{settings.registry_port}"
    return str(httpx.URL(settings.registry_url).copy_with(userinfo=b""))


def make_registry_command(settings: Settings) -> tuple[str, ...]:
    """What follows `python -m`; MLflow's own launcher would start a second process that outlives a killed parent."""
    port = str(settings.registry_port)
    return ("uvicorn", "mlflow.server.fastapi_app:app", "--host", "127.0.0.1", "--port", port, "--no-access-log")


def make_registry_environment(settings: Settings) -> dict[str, str]:
    """Build the server's environment, as MLflow's launcher would."""
    folder = settings.state_dir / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    return make_child_environment(
        settings,
        {
            "_MLFLOW_SERVER_FILE_STORE": settings.registry_url,
            "_MLFLOW_SERVER_ARTIFACT_ROOT": f"file://{folder}/artifacts",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
    )


def is_registry_healthy(settings: Settings) -> bool:
    """Whether the server answers."""
    try:
        return httpx.get(f"{find_registry_page(settings)}/health", timeout=2.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False
