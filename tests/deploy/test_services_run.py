"""Every service of the compose file, started by its own command with its own environment, becomes healthy.

Without containers: what that leaves out is in docs/guides/deploy.md. Airflow then runs a task on the Celery worker.
"""

import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deploy.compose_program import COMPOSE, draw_env, load_config, read_env
from tests.deploy.compose_rules import list_one_shots
from tests.deploy.native_services import NativeServices, order_by_need
from tests.servers.kafka import find_jars
from tests.servers.postgres import find_programs
from tests.servers.process import make_folder, require
from tests.servers.redis import PROGRAM as REDIS

pytestmark = pytest.mark.slow
TASK_SECONDS = 600.0
# Those whose checks load all of Airflow are looked at only when they should pass.
CHEAP = ("postgres", "redis", "kafka", "airflow-api-server", "airflow-scheduler", "mlflow", "serve", "seal", "relay")
DAG = "redrive_dead_letters"


@pytest.fixture(scope="module")
def services() -> Iterator[NativeServices]:
    """All of them, up and healthy, started in the order of the compose file."""
    require(find_programs(), "PostgreSQL: the package postgresql-15")
    require(shutil.which(REDIS), f"{REDIS} (Debian: redis-server)")
    find_jars()
    folder = make_folder("compose")
    native = NativeServices(load_config(COMPOSE, draw_env(folder / "project")), folder)
    described = native.config["services"]
    once = list_one_shots(described)
    try:
        for name in order_by_need(described):
            needed = [each for each in described[name].get("depends_on", {}) if each not in once]
            for each in needed:
                native.wait(each)
            if name in CHEAP:
                assert not native.check(name), f"{name} is called healthy before it runs"
            if name in once:
                native.create_databases()
                native.run_once(name)
            else:
                native.start(name)
        for name in list(native.running):
            native.wait(name)
        yield native
    finally:
        native.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def secrets(services: NativeServices) -> dict[str, str]:
    return read_env(services.folder / "project" / ".env")


@pytest.fixture
def airflow(services: NativeServices, secrets: dict[str, str]) -> Iterator[httpx.Client]:
    """Logged in as the account that `initialise` made."""
    base = f"http://127.0.0.1:{services.port('airflow-api-server')}"
    account = {"username": "admin", "password": secrets["AIRFLOW_ADMIN_PASSWORD"]}
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as http:
        token = http.post("/auth/token", json=account).raise_for_status().json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http


def await_value(read: Any, wanted: object) -> None:
    until = time.monotonic() + TASK_SECONDS
    while (found := read()) != wanted:
        assert time.monotonic() < until, found
        time.sleep(0.5)


def test_every_service_is_healthy(services: NativeServices) -> None:
    assert set(services.running) == set(services.config["services"]) - {"initialise"}
    assert [name for name, process in services.running.items() if process.poll() is not None] == []


def test_airflow_says_that_each_of_its_parts_is_healthy(airflow: httpx.Client) -> None:
    def read_health() -> dict[str, str]:
        health = airflow.get("/api/v2/monitor/health").raise_for_status().json()
        return {part: told["status"] for part, told in health.items()}

    parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    await_value(read_health, dict.fromkeys(parts, "healthy"))


def test_nobody_is_let_in_to_airflow_or_mlflow_with_a_wrong_password(services: NativeServices) -> None:
    wrong = {"username": "admin", "password": "guessed"}  # pragma: allowlist secret
    base = f"http://127.0.0.1:{services.port('airflow-api-server')}"
    assert httpx.post(f"{base}/auth/token", json=wrong, timeout=60, trust_env=False).status_code == 401
    search = f"http://127.0.0.1:{services.port('mlflow')}/api/2.0/mlflow/registered-models/search"
    for login in (None, ("admin", "guessed")):
        assert httpx.get(search, auth=login, timeout=60, trust_env=False).status_code == 401


def test_mlflow_shows_the_registry_to_its_administrator(services: NativeServices, secrets: dict[str, str]) -> None:
    search = f"http://127.0.0.1:{services.port('mlflow')}/api/2.0/mlflow/registered-models/search"
    login = ("admin", secrets["MLFLOW_ADMIN_PASSWORD"])
    assert httpx.get(search, auth=login, timeout=60, trust_env=False).status_code == 200


def test_a_task_runs_on_the_celery_worker_with_kafka_and_the_account_of_tasks(
    services: NativeServices, airflow: httpx.Client
) -> None:
    await_value(lambda: airflow.get(f"/api/v2/dags/{DAG}").status_code, 200)
    assert airflow.get("/api/v2/importErrors").json()["total_entries"] == 0
    runs = f"/api/v2/dags/{DAG}/dagRuns"
    asked = {"dag_run_id": "tried", "logical_date": None, "conf": {"dry_run": True}}
    airflow.post(runs, json=asked).raise_for_status()
    await_value(lambda: airflow.get(f"{runs}/tried").json()["state"], "success")
    assert airflow.get(f"{runs}/tried").json()["note"]
    assert "celery@" in services.read_log("airflow-worker")
    (task,) = airflow.get(f"{runs}/tried/taskInstances").json()["task_instances"]
    log = airflow.get(f"{runs}/tried/taskInstances/{task['task_id']}/logs/1").raise_for_status()
    assert log.json()["content"]


@pytest.mark.parametrize("name", ["serve", "seal", "relay"])
def test_our_processes_hand_back_in_time_and_are_not_healthy_any_more(services: NativeServices, name: str) -> None:
    assert services.stop(name) == 0, services.read_log(name)
    assert not services.check(name)
