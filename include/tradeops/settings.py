"""Where things are and with which credentials: the only file that reads the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradeops.domain.errors import ConfigurationError

PREFIX = "TRADEOPS_"
WORKING_TREE = Path(__file__).resolve().parents[2]

_INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
_NOBODY_IS_TOLD = {"MLFLOW_DISABLE_TELEMETRY": "true"}
_ONE_THREAD = ("MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Settings(BaseSettings):
    """The installation's settings, from `TRADEOPS_*` variables and the file `.env` of the working tree.

    An address left empty is derived from `state_dir`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=WORKING_TREE / ".env",
        dotenv_filtering="match_prefix",  # the rest is the compose file's
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    state_dir: Path = Field(
        default=WORKING_TREE / ".tradeops", description="everything a run writes; must be a local disk"
    )
    ledger_url: str = Field(
        default="",
        repr=False,  # may hold a password
        description="record of decisions, orders and fills: sqlite:/// or postgresql+psycopg://",
    )
    broker_url: str = Field(
        default="",
        repr=False,  # may hold a password
        description="the paper broker's own book: sqlite:/// or postgresql+psycopg://",
    )
    source_url: str = Field(
        default="bundled:", description="raw market data: bundled:, or file:///folder of JSON lines"
    )
    event_log_url: str = Field(
        default="",
        repr=False,  # may hold a password
        description="topics of raw records, events and dead letters: sqlite:///, kafka:// or kafka+ssl://",
    )
    event_log_password: SecretStr = Field(
        default=SecretStr(""), description="of the user in the event log's URL, when the URL has none"
    )
    lake_url: str = Field(default="", description="columnar history: file:///folder, or s3://bucket/prefix")
    feature_store_url: str = Field(
        default="",
        repr=False,  # may hold a password
        description="features of the newest sessions: sqlite:///, redis:// or rediss://",
    )
    registry_url: str = Field(
        default="",
        repr=False,  # may hold a password
        description="MLflow's tracking and registry store: sqlite:///, postgresql+psycopg:// (a database of its own) or http(s)://",
    )
    registry_port: int = Field(
        default=5000, ge=1024, le=65535, description="port on 127.0.0.1 that `make run` gives MLflow"
    )
    reports_dir: Path = Field(default=Path(), description="folder that reports are written to")
    checkpoints_url: str = Field(
        default="",
        repr=False,  # may hold a password
        description="unfinished decision cycles: sqlite:/// or postgresql+psycopg://",
    )
    values_dir: str = Field(
        default="",
        description="views, opinions and other large values, named by their hash: file:///folder, or s3://bucket/prefix",
    )
    s3_endpoint_url: str = Field(
        default="", description="S3-compatible storage that is not Amazon's: https://host:port"
    )
    s3_region: str = Field(default="us-east-1", description="region of that storage")
    s3_access_key_id: str = Field(default="", description="its account; when empty, the role of the host")
    s3_secret_access_key: SecretStr = Field(default=SecretStr(""), description="the secret half of that key")
    mail_dir: Path = Field(default=Path(), description="folder that notifications are written to")
    airflow_url: str = Field(default="", description="where operators and tasks reach Airflow's REST API")
    airflow_port: int = Field(
        default=8090, ge=1024, le=65535, description="port on 127.0.0.1 that `make run` gives Airflow"
    )
    airflow_credentials_file: Path = Field(default=Path(), description="JSON with username and password for run notes")
    approvers: str = Field(
        default="admin", description="Airflow accounts, with commas between, that may answer for a promotion"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least severe line logged"
    )

    @model_validator(mode="before")
    @classmethod
    def _derive_addresses(cls, given: dict[str, object]) -> dict[str, object]:
        state = Path(str(given.get("state_dir") or cls.model_fields["state_dir"].default)).expanduser().resolve()
        port = given.get("airflow_port") or cls.model_fields["airflow_port"].default
        derived: dict[str, object] = {
            "ledger_url": f"sqlite:///{state}/ledger.db",
            "broker_url": f"sqlite:///{state}/paper_broker.db",
            "event_log_url": f"sqlite:///{state}/event_log.db",
            "lake_url": f"file://{state}/lake",
            "feature_store_url": f"sqlite:///{state}/features.db",
            "registry_url": f"sqlite:///{state}/mlflow/mlflow.db",
            "reports_dir": state / "reports",
            "checkpoints_url": f"sqlite:///{state}/checkpoints.db",
            "values_dir": f"file://{state}/values",
            "mail_dir": state / "mail",
            "airflow_url": f"http://127.0.0.1:{port}",
            "airflow_credentials_file": state / "airflow" / "service_account.json",
        }
        chosen = {name: value for name, value in given.items() if value != ""}
        log, password = str(chosen.get("event_log_url", "")), chosen.get("event_log_password")
        if log and password:
            chosen["event_log_url"] = _insert_password(log, password)
        return {**derived, **chosen, "state_dir": state}

    @model_validator(mode="after")
    def _refuse_unknown_variables(self) -> Self:
        known = {PREFIX + name.upper() for name in type(self).model_fields}
        unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
        if unknown:
            raise ValueError(f"unknown variable {', '.join(unknown)}: correct or unset it (.env.example lists all)")
        return self


def _insert_password(url: str, password: object) -> str:
    secret = password.get_secret_value() if isinstance(password, SecretStr) else str(password)
    parts = urlsplit(url)
    user, at, servers = parts.netloc.rpartition("@")
    if not user or ":" in user:
        return url
    return parts._replace(netloc=f"{user}:{quote(secret, safe='')}{at}{servers}").geturl()


def load_settings() -> Settings:
    """Read the environment and `.env`.

    Returns:
        The settings, checked.

    Raises:
        ConfigurationError: A key is unknown or a value cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'environment'}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("settings: " + "; ".join(faults)) from error


def make_child_environment(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build the environment for a child process: nothing of ours or Airflow's is inherited by accident.

    Args:
        settings: Handed on explicitly, so that a child sees what its parent saw.
        extra: Variables of the child's own.

    Returns:
        All the variables the child gets; numeric libraries are held to one thread.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    ours = {PREFIX + name.upper(): _write(value) for name, value in settings.model_dump().items()}
    return {**inherited, **ours, **_NOBODY_IS_TOLD, **dict.fromkeys(_ONE_THREAD, "1"), **(extra or {})}


def _write(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
