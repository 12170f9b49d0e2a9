"""Airflow of the compose file with two Celery workers, supervised, on PostgreSQL and Redis, without containers.

The environment is the compose file's. Faults are noticed in seconds instead of minutes; the event log and the
registry are files, since neither is what is disturbed.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.conftest import ROOT
from tests.deploy.compose_program import COMPOSE, draw_env, load_config
from tests.deploy.native_services import NativeServices, end, list_family
from tests.deploy.stops import FOLDER, Stops
from tradeops.bootstrap.migration import migrate_installation
from tradeops.domain.errors import ExternalServiceError
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.settings import PREFIX, Settings

WORKERS = ("worker-one", "worker-two")
DAEMONS = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", *WORKERS)
PIPELINE = ("ingest_market_data", "build_features", "run_decision_cycle")
# What is lost is noticed within seconds; what is noticed wrongly costs one more try.
QUICK = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "180",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "3600",
}
_AUTH = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
ADMIN, TASKS = "admin", "tradeops_tasks"
PASSWORDS = {ADMIN: "made-up", TASKS: "made-up-too"}  # pragma: allowlist secret
IN_FILES = dict.fromkeys((f"{PREFIX}EVENT_LOG_URL", f"{PREFIX}REGISTRY_URL"), "")
WAIT_SECONDS, POLL_SECONDS = 600.0, 0.4
DIES_WITH_WORKER = ROOT / "plugins" / "tradeops_task_dies_with_worker_plugin.py"
_HERE = Path(__file__).parent
_Found = TypeVar("_Found")


class NotYet(Exception):
    """Something did not come about in time."""


@dataclass
class DistributedAirflow:
    """Five kinds of processes, each started again when it ends.

    Args:
        native: The services.
        api: Airflow's, as its administrator.
        restarted: Names of what was started again, in order.
    """

    native: NativeServices
    api: AirflowApi
    stops: Stops
    restarted: list[str] = field(default_factory=list)
    left: list[psutil.Process] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """What the tasks have."""
        return read_settings(self.native)

    def wait_for(self, look: Callable[[], _Found | None], what: str) -> _Found:
        """Supervise until it is seen; a server that does not answer is asked again.

        Raises:
            NotYet: It is not seen in time.
        """
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            self.restarted += self.native.restart_ended()
            try:
                if found := look():
                    return found
            except ExternalServiceError:
                pass  # Airflow or PostgreSQL is away
            time.sleep(POLL_SECONDS)
        raise NotYet(f"{what}, after {WAIT_SECONDS:.0f} s; started again: {self.restarted}")

    def await_up(self) -> None:
        """Wait until the DAGs are known and both workers take tasks."""
        self.wait_for(lambda: set(PIPELINE) <= set(self.api.list_dags()), "the DAGs are known")
        self.wait_for(lambda: all("ready." in self.native.read_log(name) for name in WORKERS), "both workers are up")

    def start_pipeline(self, run_id: str, sessions: int) -> str:
        """Deliver sessions, and wait until what that wakes has begun to decide; the id of the deciding run."""

        def start() -> bool:
            self.api.trigger(PIPELINE[0], run_id, {"sessions": sessions})
            return True  # if it is there already, an earlier request went through whose answer did not come

        self.wait_for(start, f"{PIPELINE[0]} {run_id} is started")
        self.await_run(PIPELINE[0], run_id)
        for dag_id in PIPELINE[1:]:
            run_id = self._find_woken(dag_id, run_id)
        return run_id

    def _find_woken(self, dag_id: str, by: str) -> str:
        return self.wait_for(lambda: self.api.find_run_woken_by(dag_id, by), f"{dag_id} is woken by {by}")

    def await_run(self, dag_id: str, run_id: str) -> None:
        def read_state() -> str | None:
            state = str(self.api.read_run(dag_id, run_id)["state"])
            return state if state in ("success", "failed") else None

        assert self.wait_for(read_state, f"{dag_id} {run_id} ends") == "success", self.api.list_tasks(dag_id, run_id)

    def await_stop(self, place: str) -> psutil.Process:
        return self.wait_for(lambda: self.stops.find_standing(place), f"a task stands still {place}")

    def kill_worker_of(self, task: psutil.Process) -> str:
        """`kill -9` the main process of the worker that runs a task, and wait until the task's supervisor is gone."""
        above = {process.pid: process for process in task.parents()}
        name, main = next((w, self.native.running[w]) for w in WORKERS if self.native.running[w].pid in above)
        self.left += [process for process in list_family(main.pid) if process != task]
        supervisor = task.parent()
        main.kill()
        main.wait()
        self.wait_for(lambda: not is_living(supervisor), "the task's supervisor is gone")
        return name

    def restart_postgres(self) -> None:
        self.native.stop("postgres")
        self.native.start("postgres")
        self.wait_for(lambda: self.native.check("postgres"), "PostgreSQL answers")

    def replace_worker(self, name: str) -> None:
        """End one that is idle; supervision starts it again, with the plugins that workers are given by now."""
        self.left += list_family(self.native.running[name].pid)
        self.native.running[name].kill()

    def give_plugins(self, *plugins: Path) -> None:
        """What workers load from their next start on, beside the one that stops tasks."""
        folder = self.native.folder / f"plugins-{len(plugins)}"
        folder.mkdir(exist_ok=True)
        for plugin in (*(_HERE / "fault_plugins").glob("*.py"), *plugins):
            shutil.copy(plugin, folder)
        for name in WORKERS:
            self.native.config["services"][name]["environment"]["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(folder)

    def close(self) -> None:
        self.native.kill_all()
        end(self.left)


def is_living(process: psutil.Process | None) -> bool:
    with suppress(psutil.NoSuchProcess):  # it may end between the two looks
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def read_settings(native: NativeServices) -> Settings:
    given = native.environment(WORKERS[0])
    ours = {key.removeprefix(PREFIX).lower(): value for key, value in given.items() if key.startswith(PREFIX)}
    return Settings(**ours)  # type: ignore[arg-type]


def choose_services(config: Mapping[str, Any], more: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """PostgreSQL, Redis and Airflow of a compose file, with two workers."""
    services = {name: config["services"][name] for name in ("postgres", "redis", "initialise", *DAEMONS[:-2])}
    worker = config["services"]["airflow-worker"]
    services |= {
        name: {
            **worker,
            "command": [*worker["command"], "--celery-hostname", f"{name}@%h"],
            "environment": worker["environment"]
            | {"PYTHONPATH": f"{_HERE / 'unbound'}:{ROOT}", "TMPDIR": f"{folder}/home", FOLDER: f"{folder}/stops"},
        }
        for name in WORKERS
    }
    services["initialise"] |= {"command": ["airflow", "db", "migrate"]}
    here = {
        "CORE__DAGS_FOLDER": str(folder / "dags"),
        "CORE__AUTH_MANAGER": _AUTH,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{TASKS}:user",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
    }
    quick = {f"AIRFLOW__{key}": value for key, value in {**QUICK, **here}.items()}
    for name in ("initialise", *DAEMONS):
        services[name]["environment"] |= {**quick, **IN_FILES, **more}
    return {**config, "services": services, "configs": {}}


def write_accounts(folder: Path, settings: Settings) -> None:
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))
    settings.airflow_credentials_file.parent.mkdir(parents=True)
    settings.airflow_credentials_file.write_text(json.dumps({"username": TASKS, "password": PASSWORDS[TASKS]}))


def prepare_stores(settings: Settings, load: Callable[[Settings], None]) -> None:
    """What `tradeops migrate` does, but for the registry."""
    for name in migrate_installation(settings):
        if name == "checkpoints":
            break
    load(settings)


@contextmanager
def open_airflow(
    folder: Path, more: Mapping[str, str], load: Callable[[Settings], None]
) -> Iterator[DistributedAirflow]:
    """Started, with every store prepared; wait for its health.

    Args:
        folder: For everything that is written; PostgreSQL's account must reach it.
        more: Variables of our settings.
        load: Fills the stores before Airflow starts.
    """
    config = load_config(COMPOSE, draw_env(folder / "project"))
    native = NativeServices(choose_services(config, more, folder), folder)
    for name in ("stops", "dags"):
        (folder / name).mkdir()
    for name in PIPELINE:
        shutil.copy(ROOT / "dags" / f"{name}.py", folder / "dags")
    url = f"http://127.0.0.1:{native.port('airflow-api-server')}"
    with closing(AirflowApi(url, ADMIN, PASSWORDS[ADMIN])) as api:
        airflow = DistributedAirflow(native, api, Stops(folder / "stops"))
        try:
            for server in ("postgres", "redis"):
                native.start(server)
            for server in ("postgres", "redis"):
                native.wait(server)
            native.create_databases()
            native.start("initialise")
            write_accounts(folder, airflow.settings)
            prepare_stores(airflow.settings, load)
            native.await_end("initialise")
            airflow.give_plugins(DIES_WITH_WORKER)
            for name in DAEMONS:
                native.start(name)
            yield airflow
        finally:
            airflow.close()
