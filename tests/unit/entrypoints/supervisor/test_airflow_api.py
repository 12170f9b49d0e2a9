"""What the supervisor asks of Airflow's REST API and what it makes of the answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tradeops.domain.errors import ExternalServiceError
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi

SINCE = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
Answers = dict[str, Any]


@pytest.fixture
def requests() -> list[httpx.Request]:
    return []


@pytest.fixture
def connect(requests: list[httpx.Request]) -> Callable[[Answers], AirflowApi]:
    def connect(answers: Answers) -> AirflowApi:
        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            found = answers | {"/auth/token": {"access_token": "t1"}}
            content = found[request.url.path]
            return content if isinstance(content, httpx.Response) else httpx.Response(200, json=content)

        return AirflowApi("http://airflow", "admin", "pw", httpx.MockTransport(answer))

    return connect


def health(heartbeat: str, status: str = "healthy") -> dict[str, Any]:
    parts = {
        name: {"status": status, f"latest_{name}_heartbeat": heartbeat}
        for name in ("scheduler", "triggerer", "dag_processor")
    }
    return {"metadatabase": {"status": "healthy"}, **parts}


@pytest.mark.parametrize(
    ("body", "late"),
    [
        (health("2026-11-21T10:00:01+00:00"), []),
        (health("2026-11-21T09:59:59+00:00"), ["scheduler", "triggerer", "dag_processor"]),
        (health("2026-11-21T10:00:01+00:00", "unhealthy"), ["scheduler", "triggerer", "dag_processor"]),
    ],
)
def test_health_of_an_earlier_run_does_not_count(
    connect: Callable[[Answers], AirflowApi], body: dict[str, Any], late: list[str]
) -> None:
    assert connect({"/api/v2/monitor/health": body}).list_unhealthy(SINCE) == late


def test_a_run_is_triggered_once(connect: Callable[[Answers], AirflowApi], requests: list[httpx.Request]) -> None:
    path = "/api/v2/dags/d/dagRuns"
    assert connect({path: {"dag_run_id": "r"}}).trigger("d", "r", {"until": "x"}) is True
    assert json.loads(requests[-1].content) == {"dag_run_id": "r", "logical_date": None, "conf": {"until": "x"}}
    assert requests[-1].headers["Authorization"] == "Bearer t1"
    assert connect({path: httpx.Response(409, json={})}).trigger("d", "r", {}) is False


def test_the_woken_run_is_found_by_its_source(connect: Callable[[Answers], AirflowApi]) -> None:
    def events(source: str) -> dict[str, Any]:
        return {"asset_events": [{"source_run_id": source}]}

    runs = [{"dag_run_id": name, "start_date": started} for name, started in (("q", None), ("a", "x"), ("b", "x"))]
    api = connect(
        {
            "/api/v2/dags/d/dagRuns": {"dag_runs": runs},
            "/api/v2/dags/d/dagRuns/a/upstreamAssetEvents": events("other"),
            "/api/v2/dags/d/dagRuns/b/upstreamAssetEvents": events("mine"),
        }
    )
    assert api.find_run_woken_by("d", "mine") == "b"
    assert api.find_run_woken_by("d", "nobody's") is None


def test_import_errors_of_an_earlier_run_do_not_count(connect: Callable[[Answers], AirflowApi]) -> None:
    errors = [
        {"filename": "old.py", "stack_trace": "x", "timestamp": "2026-11-21T09:00:00+00:00"},
        {"filename": "new.py", "stack_trace": "y", "timestamp": "2026-11-21T10:00:05+00:00"},
    ]
    assert connect({"/api/v2/importErrors": {"import_errors": errors}}).list_import_errors(SINCE) == {"new.py": "y"}


def test_a_refusal_names_the_call(connect: Callable[[Answers], AirflowApi]) -> None:
    api = connect({"/api/v2/dags/d/dagRuns/r": httpx.Response(500, text="boom")})
    with pytest.raises(ExternalServiceError, match="refuses GET /dags/d/dagRuns/r: 500 boom"):
        api.read_run("d", "r")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectError("refused"), r"cannot be reached at http://airflow; start it with `make run`"),
        (httpx.ReadError("reset"), "does not answer GET /monitor/health"),
    ],
)
def test_silence_is_an_error_of_the_tree(error: httpx.HTTPError, said: str) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise error

    api = AirflowApi("http://airflow", "admin", "pw", httpx.MockTransport(fail))
    with pytest.raises(ExternalServiceError, match=said):
        api.list_unhealthy(SINCE)
    api.close()


def test_an_expired_login_is_renewed(requests: list[httpx.Request]) -> None:
    answers = iter([httpx.Response(401), httpx.Response(200, json={"state": "success"})])

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(201, json={"access_token": "t"}) if "token" in request.url.path else next(answers)

    api = AirflowApi("http://airflow", "admin", "pw", httpx.MockTransport(answer))
    assert api.read_run("d", "r") == {"state": "success"}
    assert [request.url.path for request in requests].count("/auth/token") == 2


def test_clearing_takes_what_follows_along(
    connect: Callable[[Answers], AirflowApi], requests: list[httpx.Request]
) -> None:
    connect({"/api/v2/dags/d/clearTaskInstances": {}}).clear_tasks("d", "r", ["a"])
    body = json.loads(requests[-1].content)
    assert (body["dag_run_id"], body["task_ids"], body["include_downstream"]) == ("r", ["a"], True)
    assert body["dry_run"] is False
