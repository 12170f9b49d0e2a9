"""The few calls of Airflow's REST API that the supervisor makes."""

from datetime import datetime
from typing import Any

import httpx

from tradeops.domain.errors import ExternalServiceError

_HEARTBEATS = {
    "scheduler": "latest_scheduler_heartbeat",
    "triggerer": "latest_triggerer_heartbeat",
    "dag_processor": "latest_dag_processor_heartbeat",
}
_CONFLICT = 409
_TIMEOUT_S = 30.0
_MORE_READS = 2


class AirflowApi:
    """A logged-in client; one thread, closed by its owner.

    Args:
        url: Where the API server listens.
        username: Who acts.
        password: The password of that account.
        transport: What carries the requests, if not the network.
    """

    def __init__(self, url: str, username: str, password: str, transport: httpx.BaseTransport | None = None) -> None:
        self._login = {"username": username, "password": password}
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False, transport=transport)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def list_unhealthy(self, since: datetime) -> list[str]:
        """Name the parts that have not reported themselves healthy since a time (a dead one stays so for a while)."""
        health = self._call("GET", "/monitor/health", log_in=False)
        late = [part for part, beat in _HEARTBEATS.items() if not _is_fresh(health[part], beat, since)]
        return late if health["metadatabase"]["status"] == "healthy" else ["metadatabase", *late]

    def list_dags(self) -> dict[str, datetime]:
        """Return the known DAGs and when each was parsed last."""
        dags = self._read("/dags?limit=100")["dags"]
        return {dag["dag_id"]: datetime.fromisoformat(dag["last_parsed_time"]) for dag in dags}

    def list_import_errors(self, since: datetime) -> dict[str, str]:
        """Return the DAG files that could not be parsed since a time, with the trace of each."""
        found = self._read("/importErrors")["import_errors"]
        fresh = (error for error in found if datetime.fromisoformat(error["timestamp"]) >= since)
        return {error["filename"]: error["stack_trace"] for error in fresh}

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, object]) -> bool:
        """Start a run under a fixed id.

        Returns:
            False when that run exists already.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        return self._call("POST", f"/dags/{dag_id}/dagRuns", json=body, allowed=_CONFLICT) is not None

    def read_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run: its state, its note and more."""
        return self._read(f"/dags/{dag_id}/dagRuns/{run_id}")

    def list_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, at most 100."""
        runs: list[dict[str, Any]] = self._read(f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit=100")["dag_runs"]
        return runs

    def list_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        tasks: list[dict[str, Any]] = self._read(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return tasks

    def clear_tasks(self, dag_id: str, run_id: str, task_ids: list[str]) -> None:
        """Let tasks of a run, and what follows them, run again."""
        body = {
            "dry_run": False, "dag_run_id": run_id, "task_ids": task_ids, "only_failed": False,
            "include_downstream": True, "reset_dag_runs": True,
        }  # fmt: skip
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def find_run_woken_by(self, dag_id: str, source_run_id: str) -> str | None:
        """Return the newest run of a DAG that an asset event of another run started, or None."""
        runs = self._read(f"/dags/{dag_id}/dagRuns?run_type=asset_triggered&order_by=-run_after&limit=20")["dag_runs"]
        for run in (run for run in runs if run["start_date"]):  # Airflow 3.3 answers 500 for events of a queued run
            events = self._read(f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/upstreamAssetEvents")["asset_events"]
            if any(event["source_run_id"] == source_run_id for event in events):
                return str(run["dag_run_id"])
        return None

    def _read(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._call("GET", path)
        return answer

    def _call(self, method: str, path: str, *, json: object = None, log_in: bool = True, allowed: int = 0) -> Any:
        try:
            if log_in and "Authorization" not in self._http.headers:
                self._authorise()
            answer = self._ask(method, path, json)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._authorise()
                answer = self._ask(method, path, json)
        except httpx.ConnectError as error:
            message = f"Airflow cannot be reached at {self._http.base_url}; start it with `make run`"
            raise ExternalServiceError(message) from error
        except httpx.HTTPError as error:
            raise ExternalServiceError(f"Airflow does not answer {method} {path}: {error!r}") from error
        if answer.status_code == allowed:
            return None
        if answer.is_error:
            raise ExternalServiceError(f"Airflow refuses {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def _ask(self, method: str, path: str, json: object) -> httpx.Response:
        """Reading may be repeated, and a busy machine answers late; what changes something is asked once."""
        for _ in range(_MORE_READS if method == "GET" else 0):
            try:
                return self._http.request(method, f"/api/v2{path}", json=json)
            except httpx.TimeoutException:
                continue
        return self._http.request(method, f"/api/v2{path}", json=json)

    def _authorise(self) -> None:
        answer = self._http.post("/auth/token", json=self._login)
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _is_fresh(part: dict[str, Any], beat: str, since: datetime) -> bool:
    last = part[beat]
    return part["status"] == "healthy" and last is not None and datetime.fromisoformat(last) >= since
