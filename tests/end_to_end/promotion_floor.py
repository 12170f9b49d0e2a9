"""A test market trained on and tried in shadow, and the real Airflow and MLflow on top of it."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.serve_airflow import UP
from tests.fakes.planted_market import Effect, write_planted_market
from tests.integration.make_run import Installation, Run
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.identifiers import BookId
from tradeops.domain.models import ModelRef, Promotion
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.settings import Settings

# Trained up to, tried in shadow up to (at least 250 evaluated sessions), tried as canary up to (at least 60).
TRAINED, SHADOWED, CHECKED = date(2001, 12, 31), date(2003, 1, 16), date(2003, 4, 30)
SERVE = (sys.executable, "-m", "tests.end_to_end.serve_airflow")
APPROVER, OTHER = "ann", "bob"
LONG_S = 900
LIVE = BookId()


def prepare_shadow(folder: Path, effect: Effect) -> Settings:
    """A state folder with one model that has been beside live for long enough to be judged."""
    market = write_planted_market(folder / "market", effect)
    settings = Settings(state_dir=folder / "state", source_url=f"file://{market}")
    with open_runtime(settings) as runtime:
        load(runtime, TRAINED)
        runtime.train_blender(TRAINED)
        load(runtime, SHADOWED)
        runtime.decide_sessions()
        runtime.decide_staged()
    return settings


def load(runtime: Runtime, until: date) -> None:
    runtime.backfill_history(until, requested_by=f"test/{until}")
    runtime.build_features()


def find_models(runtime: Runtime, *, after: date) -> set[ModelRef | None]:
    """Who decided the live account's sessions after one."""
    records = [record.decision for record in runtime.ledger.list_decisions(LIVE) if record.decision.session > after]
    return {decision.inputs.bundle.model if decision.inputs else None for decision in records}


@dataclass(frozen=True)
class Person:
    """Somebody with an account of Airflow, at its REST API."""

    http: httpx.Client

    def read_question(self, run_id: str) -> dict[str, Any]:
        answer = self.http.get(_question(run_id))
        return dict(answer.raise_for_status().json())

    def answer(self, run_id: str, option: str) -> int:
        """The status of the answer."""
        body = {"chosen_options": [option], "params_input": {}}
        return self.http.patch(_question(run_id), json=body).status_code


@dataclass(frozen=True)
class Floor:
    """Airflow and MLflow on a prepared state folder."""

    settings: Settings
    installation: Installation
    run: Run
    api: AirflowApi

    def run_dag(self, run_id: str, dag_id: str = "promote_models", **conf: object) -> dict[str, str]:
        """Start a run and wait for its success; the states of its tasks."""
        assert self.api.trigger(dag_id, run_id, conf)
        return self.await_run(dag_id, run_id)

    def await_run(self, dag_id: str, run_id: str) -> dict[str, str]:
        self.run.wait_for(lambda: self._read_state(dag_id, run_id) in ("success", "failed"), LONG_S)
        states = self.list_states(dag_id, run_id)
        assert self._read_state(dag_id, run_id) == "success", (dag_id, states)
        return states

    def await_woken(self, dag_id: str, by: str) -> str:
        self.run.wait_for(lambda: self.api.find_run_woken_by(dag_id, by), LONG_S)
        run_id = str(self.api.find_run_woken_by(dag_id, by))
        self.await_run(dag_id, run_id)
        return run_id

    def list_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.api.list_tasks(dag_id, run_id)}

    def read_entries(self) -> tuple[Promotion, ...]:
        with self.open() as runtime:
            return runtime.ledger.list_promotions()

    @contextmanager
    def open(self) -> Iterator[Runtime]:
        with open_runtime(self.settings) as runtime:
            yield runtime

    @contextmanager
    def log_in(self, name: str) -> Iterator[Person]:
        passwords = json.loads((self.settings.state_dir / "airflow" / "passwords.json").read_text())
        drawn = self.settings.state_dir / "airflow" / "service_account.json"
        known = {**passwords, "tradeops_tasks": json.loads(drawn.read_text())["password"]}
        url = f"http://127.0.0.1:{self.installation.port}"
        with closing(httpx.Client(base_url=url, timeout=60, trust_env=False)) as http:
            token = http.post("/auth/token", json={"username": name, "password": known[name]}).raise_for_status()
            http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            yield Person(http)

    def read_aliases(self) -> dict[str, int]:
        """Aliases as MLflow's server shows them."""
        found = self._ask_registry("GET", "get", params={"name": "blender"})["registered_model"]
        return {one["alias"]: int(one["version"]) for one in found.get("aliases", [])}

    def move_alias(self, alias: str, version: int) -> None:
        """What a person does with MLflow's own client."""
        self._ask_registry("POST", "alias", json={"name": "blender", "alias": alias, "version": str(version)})

    def _ask_registry(self, method: str, what: str, **asked: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.installation.registry_port}/api/2.0/mlflow/registered-models/{what}"
        answer = httpx.request(method, url, timeout=60, trust_env=False, **asked)
        return dict(answer.raise_for_status().json())

    def _read_state(self, dag_id: str, run_id: str) -> str:
        return str(self.api.read_run(dag_id, run_id)["state"])


@contextmanager
def open_floor(settings: Settings) -> Iterator[Floor]:
    """Airflow and MLflow on the state; `APPROVER` alone may answer."""
    more = {"TRADEOPS_SOURCE_URL": settings.source_url, "TRADEOPS_APPROVERS": f"someone, {APPROVER}"}
    installation = Installation(settings.state_dir, more=more)
    with installation.start(SERVE) as run:
        run.wait_for(lambda: UP in run.read(), LONG_S)
        password = json.loads((settings.state_dir / "airflow" / "passwords.json").read_text())["admin"]
        url = f"http://127.0.0.1:{installation.port}"
        with closing(AirflowApi(url, "admin", password)) as api:
            yield Floor(settings, installation, run, api)


def _question(run_id: str) -> str:
    return f"/api/v2/dags/promote_models/dagRuns/{run_id}/taskInstances/approve_live/-1/hitlDetails"
