"""The configuration of the embedded Airflow, as environment variables."""

from pathlib import Path

from tradeops.entrypoints.supervisor.installation import OPERATOR, SERVICE_ACCOUNT, Secrets
from tradeops.settings import WORKING_TREE, Settings, make_child_environment

_LOCAL_SETTINGS = '''"""Loaded by every Airflow process of this installation."""

from tradeops.entrypoints.airflow.process_set_up import set_up_process

__all__ = []
set_up_process()
'''


def prepare_home(home: Path) -> None:
    """Make Airflow's home folder and the module that each of its processes loads first."""
    (home / "config").mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)


def make_airflow_environment(settings: Settings, secrets: Secrets) -> dict[str, str]:
    """Build the environment that all Airflow processes share.

    Args:
        settings: Where things are.
        secrets: What the processes know each other by.
    """
    home = settings.state_dir / "airflow"
    sections = {
        "CORE": _core(home, settings, secrets),
        "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db"},
        "API": _api(settings, secrets),
        "API_AUTH": {"JWT_SECRET": secrets.jwt_secret},
        "SCHEDULER": _SCHEDULER,
        "DAG_PROCESSOR": {"REFRESH_INTERVAL": "10", "MIN_FILE_PROCESS_INTERVAL": "30", "PARSING_PROCESSES": "1"},
        "WORKERS": {"MIN_HEARTBEAT_INTERVAL": "1", "MAX_FAILED_HEARTBEATS": "10"},
        "LOGGING": {"BASE_LOG_FOLDER": f"{home}/logs", "COLORED_CONSOLE_LOG": "False"},
        "USAGE_DATA_COLLECTION": {"ENABLED": "False"},
    }
    flat = {f"AIRFLOW__{name}__{key}": value for name, keys in sections.items() for key, value in keys.items()}
    return make_child_environment(settings, {"AIRFLOW_HOME": str(home), "PYTHONUNBUFFERED": "1", **flat})


def _core(home: Path, settings: Settings, secrets: Secrets) -> dict[str, str]:
    return {
        "DAGS_FOLDER": str(WORKING_TREE / "dags"),
        "PLUGINS_FOLDER": str(WORKING_TREE / "plugins"),
        "LOAD_EXAMPLES": "False",
        "EXECUTOR": "LocalExecutor",
        "PARALLELISM": "3",  # all of these processes are forked at the start
        "DAGS_ARE_PAUSED_AT_CREATION": "False",
        "EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{settings.airflow_port}/execution/",
        "FERNET_KEY": secrets.fernet_key,
        "SIMPLE_AUTH_MANAGER_USERS": f"{OPERATOR}:admin,{SERVICE_ACCOUNT}:user",
        "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
    }


def _api(settings: Settings, secrets: Secrets) -> dict[str, str]:
    return {
        "HOST": "127.0.0.1",
        "PORT": str(settings.airflow_port),
        "BASE_URL": f"http://127.0.0.1:{settings.airflow_port}",
        "SECRET_KEY": secrets.api_secret_key,
        "WORKERS": "1",
        "INSTANCE_NAME": "tradeops",
    }


# A task of a dead process is found within seconds, so that a stopped run goes on at once when it is started again.
_SCHEDULER = {
    "SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    "SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "SCHEDULER_HEARTBEAT_SEC": "2",
    "ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}
