"""docker-compose.yaml passes the real Compose program and our own rules, and each planted error is refused."""

import re
import tomllib
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from tests.conftest import ROOT
from tests.deploy.compose_program import (
    COMPOSE,
    PROFILES,
    ComposeRefuses,
    draw_env,
    load_config,
    make_env,
    read_env,
    run_config,
)
from tests.deploy.compose_rules import list_faults

CORE = {
    *("postgres", "redis", "kafka", "initialise", "mlflow", "serve", "seal", "relay"),
    *(f"airflow-{part}" for part in ("api-server", "scheduler", "dag-processor", "triggerer", "worker")),
}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_env(tmp_path_factory.mktemp("project"))


def plant(folder: Path, old: str, new: str) -> Path:
    """The compose file with an error in one place."""
    text = COMPOSE.read_text()
    assert old in text
    file = folder / "docker-compose.yaml"
    file.write_text(text.replace(old, new, 1))
    return file


def test_the_program_accepts_the_file_without_a_warning(env: Path) -> None:
    assert set(load_config(COMPOSE, env)["services"]) == CORE


def test_there_are_these_profiles_and_each_service_is_in_one(env: Path) -> None:
    assert run_config(COMPOSE, env, "--profiles").split() == list(PROFILES)
    assert all(each["profiles"] == ["core"] for each in load_config(COMPOSE, env)["services"].values())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("start_interval: 2s", "start_intervall: 2s", "start_intervall"),
        ("source: mlflow-auth", "source: mlflow-auht", "undefined config mlflow-auht"),
        ("initialise: {condition", "initialize: {condition", "undefined service"),
        ("condition: service_healthy", "condition: service_well", "condition"),
        ("interval: 15s", "interval: 15 seconds", "interval"),
        ("memory: 1g", "memory: 1 gigantic", "memory|byte|size"),
        ("127.0.0.1:8080:8080", "127.0.0.1:99999:8080", "99999"),
        ("- redis:/data", "- rediss:/data", "undefined volume rediss"),
        ("restart: always", "restarts: always", "restarts"),
        ('cpus: "2.0"', "cpus: two", "cpus"),
        ("x-server: &server", "x-server: &servers", "server"),
    ],
)
def test_the_program_refuses_a_planted_error(env: Path, tmp_path: Path, old: str, new: str, complaint: str) -> None:
    file = plant(tmp_path, old, new)
    with pytest.raises(ComposeRefuses, match=complaint):
        run_config(file, env)


def list_secrets() -> list[str]:
    example = read_env(ROOT / ".env.example")
    return [name for name, value in example.items() if not value and not name.startswith("TRADEOPS_")]


@pytest.mark.parametrize("name", list_secrets())
def test_a_missing_secret_stops_it_and_says_what_to_do(env: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_text(re.sub(rf"^{name}=.*$", f"{name}=", env.read_text(), flags=re.MULTILINE))
    with pytest.raises(ComposeRefuses, match=f"{name}.*deploy/make_env"):
        run_config(COMPOSE, tmp_path / ".env")


def test_no_two_drawn_secrets_are_alike_and_none_has_to_be_encoded_in_an_address(env: Path) -> None:
    drawn = [read_env(env)[name] for name in list_secrets()]
    assert len(set(drawn)) == len(drawn) >= 12
    for name in list_secrets():
        assert re.fullmatch(r"[0-9a-f]{64}" if name.endswith("PASSWORD") else r"[\w=-]{22,64}", read_env(env)[name])
    assert env.stat().st_mode & 0o777 == 0o600


def test_an_env_file_that_is_there_is_not_drawn_anew(env: Path) -> None:
    before = env.read_text()
    with pytest.raises(CalledProcessError):
        make_env(env.parent)
    assert env.read_text() == before


def test_the_rules_find_no_fault(env: Path) -> None:
    assert list_faults(load_config(COMPOSE, env), COMPOSE.read_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("image: redis:7.0.15-bookworm", "image: redis:latest", "redis has no pinned version: redis:latest"),
        ("image: redis:7.0.15-bookworm", "image: redis", "redis has no pinned version: redis"),
        ("image: apache/kafka:4.4.0", "image: apache/kafka:4", "kafka has no pinned version: apache/kafka:4"),
        ("image: postgres:15.18-bookworm", "image: postgres:15.18:1", "postgres has no pinned version"),
        ('limits: {cpus: "2.0", memory: 4g}', "limits: {memory: 4g}", "airflow-worker has no limit of cpus"),
        ('limits: {cpus: "2.0", memory: 4g}', 'limits: {cpus: "2.0"}', "airflow-worker has no limit of memory"),
        (
            "test: [CMD, python, -m, tradeops.entrypoints.processes.health, seal]",
            "disable: true",
            "seal has no health check",
        ),
        (
            "test: [CMD, python, -m, tradeops.entrypoints.processes.health, seal]",
            "test: [NONE]",
            "seal has no health check",
        ),
        ('    user: "999:999"\n    command:\n      - postgres', "    command:\n      - postgres", "postgres runs as"),
        ('user: "1000:1000"', 'user: "0:0"', "kafka runs as 0:0"),
        ('user: "1000:1000"', "user: root", "kafka runs as root"),
        ('restart: "no"', "restart: always", "initialise has restart: always"),
        ("restart: always\n  cap_drop", "restart: on-failure\n  cap_drop", "redis has restart: on-failure"),
        ("  cap_drop: [ALL]\n", "", "serve has capabilities"),
        ('"127.0.0.1:8080:8080"', '"8080:8080"', "airflow-api-server listens beyond this host on 8080"),
        ("create_databases.sh:ro", "create_databases.sh", "postgres may write to the host's create_databases.sh"),
        ("./deploy/create_databases.sh", "./deploy/create_database.sh", "create_database.sh does not exist"),
        (
            "x-server: &server\n",
            "secrets: {key: {file: ./key}}\nx-server: &server\n  secrets: [key]\n",
            "key does not exist",
        ),
        ("context: .", "context: ./image", "Dockerfile does not exist"),
        ("- redis:/data", "- /data", "redis keeps /data in a volume without a name"),
        (
            "kafka: {condition: service_healthy}",
            "kafka: {condition: service_started}",
            "relay waits for kafka by service_started",
        ),
        ('"$$REDISCLI_AUTH"', "${REDIS_PASSWORD:?run deploy/make_env}", "redis shows a secret among its arguments"),
        ("${POSTGRES_PASSWORD:?run deploy/make_env}", "postgres", "has a value for POSTGRES_PASSWORD"),
        ("airflow:${AIRFLOW_DB_PASSWORD:?run deploy/make_env}@", "airflow:airflow@", "has a password in an address"),
        ("${REDIS_PASSWORD:?run deploy/make_env}", "${REDIS_PASSWORD:-}", "lets REDIS_PASSWORD be empty"),
        (
            "    command: [airflow, api-server]",
            "    command: [airflow, api-server]\n"
            '    environment: {<<: *airflow-settings, AIRFLOW__CORE__FERNET_KEY: "${AIRFLOW_JWT_SECRET:?}"}',
            "airflow-dag-processor and airflow-api-server differ in AIRFLOW__CORE__FERNET_KEY",
        ),
        ('HEARTBEAT_TIMEOUT: "120"', 'HEARTBEAT_TIMEOUT: "30"', "HEARTBEAT_TIMEOUT is 30, not 120 to 300"),
        ('  AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS: "60"\n', "", "MAX_FAILED_HEARTBEATS is nothing"),
        ('TASK_ACKS_LATE: "True"', 'TASK_ACKS_LATE: "False"', "acknowledged before it is done"),
    ],
)
def test_mutant_the_rules_find_a_planted_fault(env: Path, tmp_path: Path, old: str, new: str, fault: str) -> None:
    file = plant(tmp_path, old, new)
    found = list_faults(load_config(file, env), file.read_text())
    assert any(fault in each for each in found), found


def test_the_images_version_is_the_projects(env: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {each["image"] for each in load_config(COMPOSE, env)["services"].values() if "build" in each}
    assert images == {f"tradeops:{version}"}


def test_settings_of_the_compose_file_are_settings_of_the_program(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradeops.settings import Settings, load_settings

    monkeypatch.setitem(Settings.model_config, "env_file", env.parent / "none")
    for name, value in load_config(COMPOSE, env)["services"]["serve"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.lake_url == "file:///var/lib/tradeops/lake"
    assert settings.feature_store_url.startswith("redis://")
    assert settings.checkpoints_url.startswith("postgresql+psycopg://")
