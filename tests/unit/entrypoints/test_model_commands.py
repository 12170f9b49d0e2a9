"""`tradeops models` as a person and as a machine use it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.contract.test_ledger_promotions import STAYED, TO_CANARY, TO_LIVE, TO_SHADOW
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tests.fakes.value_store import InMemoryValueStore
from tests.unit.examples import base_policy
from tests.unit.services.test_mirror_aliases import Aliases
from tradeops.domain.claims import ClockMove
from tradeops.domain.errors import (
    ConfigurationError,
    CoordinationError,
    ExternalServiceError,
    LearningError,
    UnknownRecord,
)
from tradeops.domain.models import read_standing
from tradeops.entrypoints.airflow_account import connect_airflow
from tradeops.entrypoints.command_line import models
from tradeops.entrypoints.command_line.main import app
from tradeops.entrypoints.supervisor.airflow_api import AirflowApi
from tradeops.ports.model_registry import ModelRegistry
from tradeops.services.evaluate_model import ModelEvaluator
from tradeops.services.promotion_desk import PromotionDesk
from tradeops.settings import Settings

DAYS = business_days(date(2013, 2, 25), 6)


@dataclass
class Installation:
    """A ledger, an alias table and an Airflow that remembers what it was asked."""

    settings: Settings
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    aliases: Aliases = field(default_factory=Aliases)
    requests: list[httpx.Request] = field(default_factory=list)
    runs: list[dict[str, str]] = field(default_factory=list)
    registry_is_down: bool = False

    def promotion_desk(self) -> PromotionDesk:
        evaluator = ModelEvaluator(
            ledger=self.ledger,
            values=InMemoryValueStore(),
            source=cast("Any", None),
            calendar=FakeTradingCalendar(DAYS),
            policy=base_policy(),
        )
        return PromotionDesk(evaluator=evaluator, open_registry=self._open_registry)

    def _open_registry(self) -> ModelRegistry:
        if self.registry_is_down:
            raise ExternalServiceError("the registry does not answer")
        return cast("ModelRegistry", self.aliases)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        if request.method == "GET":
            return httpx.Response(200, json={"dag_runs": self.runs})
        known = [json.loads(one.content)["dag_run_id"] for one in self.requests]
        self.requests.append(request)
        return httpx.Response(409 if json.loads(request.content)["dag_run_id"] in known else 200, json={})


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    made = Installation(Settings(state_dir=tmp_path))
    made.ledger.record_clock_move(ClockMove(before=None, after=DAYS[3], sessions=4, requested_by="load"))

    @contextmanager
    def open_installation() -> Iterator[Installation]:
        yield made

    @contextmanager
    def connect(settings: Settings) -> Iterator[AirflowApi]:
        yield AirflowApi(settings.airflow_url, "tasks", "pw", httpx.MockTransport(made.answer))

    monkeypatch.setattr(models, "open_installation", open_installation)
    monkeypatch.setattr(models, "connect_airflow", connect)
    return made


def tradeops(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])


def say(*words: str) -> list[str]:
    done = tradeops(*words)
    assert done.exit_code == 0, done.exception
    return done.stdout.splitlines()


def record(installation: Installation, *entries: Any) -> None:
    for entry in entries:
        installation.ledger.record_promotion(entry)


def test_status_of_a_fresh_installation(installation: Installation) -> None:
    assert say("status") == [
        "live    v0   prior_blend/1         since 2001-03-01  0 sessions decided  (live/live/live)",
        "aliases of the registry as in the ledger",
    ]
    assert say("history") == ["no model was ever registered; the prior blend acts live"]


def test_status_names_an_alias_that_was_moved_by_hand_and_leaves_it(installation: Installation) -> None:
    record(installation, TO_SHADOW, TO_CANARY)
    installation.aliases.found = {"canary": 1, "live": 1}
    live, canary, difference = say("status")

    assert live.startswith("live    v0   prior_blend/1")
    assert canary.startswith("canary  v1   blender/aaaaaaaaaaaa")
    assert difference.startswith("alias live names v1, the ledger nothing; it changes nothing")
    assert installation.aliases.written == 0
    shown = json.loads(tradeops("status", "--json").stdout)
    assert [one["version"] for one in shown["models"]] == [0, 1]
    assert shown["differences"] == [{"alias": "live", "found": 1, "wanted": None}]


def test_status_without_a_registry_says_who_acts_all_the_same(installation: Installation) -> None:
    installation.registry_is_down = True
    assert say("status")[-1] == "aliases are not known: the registry does not answer"


def test_history_is_a_line_an_entry(installation: Installation) -> None:
    why = replace(STAYED, reason="does not\nlie below 0")
    record(installation, TO_SHADOW, why, TO_CANARY, TO_LIVE)
    head, *lines = say("history")

    assert head.split() == ["session", "model", "step", "verdict", "by", "evidence", "reason"]
    assert [line.split()[1] for line in lines] == ["v1"] * 4
    assert "candidate → shadow" in lines[0]
    assert lines[1].endswith("stayed       rule          eeeeeeeeeeee  does not lie below 0")
    assert "canary → live" in lines[3] and "ann" in lines[3]
    assert len(json.loads(tradeops("history", "--json").stdout)) == 4


def test_promote_starts_one_run_a_day_and_names_its_page(installation: Installation) -> None:
    record(installation, TO_SHADOW)
    first, again = say("promote", "1"), say("promote", "1")
    body = json.loads(installation.requests[0].content)

    assert installation.requests[0].url.path == "/api/v2/dags/promote_models/dagRuns"
    assert body["conf"] == {"version": 1}
    assert body["dag_run_id"].startswith(f"promote_v1__{DAYS[3]}__20")
    page = f"http://127.0.0.1:8090/dags/promote_models/runs/{body['dag_run_id']}"
    assert first == [f"v1 stands in shadow; asked: {page}"]
    assert again[0] == f"v1 was asked for today already: {page}"
    assert "`tradeops models history`" in again[1] and "trigger promote_models" in again[1]
    assert len(installation.ledger.list_promotions()) == 1


def check_no_second_question(installation: Installation, state: str) -> None:
    record(installation, TO_SHADOW)
    installation.runs = [{"dag_run_id": "manual__1", "state": state}, {"dag_run_id": "manual__0", "state": "success"}]
    error = tradeops("promote", "1").exception

    assert isinstance(error, CoordinationError) and "/promote_models/runs/manual__1; if it waits" in error.message
    assert installation.requests == []


@pytest.mark.parametrize("state", ["queued", "running"])
def test_while_a_question_waits_no_second_one_is_queued_behind_it(installation: Installation, state: str) -> None:
    check_no_second_question(installation, state)


def test_mutant_that_queues_a_second_question_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_refuse_second_question", lambda *_: None)
    with pytest.raises(AssertionError):
        check_no_second_question(installation, "running")


def test_the_question_that_waits_is_the_same_request(installation: Installation) -> None:
    record(installation, TO_SHADOW)
    (first,) = say("promote", "1")
    installation.runs = [{"dag_run_id": first.rsplit("/", maxsplit=1)[1], "state": "running"}]
    assert say("promote", "1")[0] == first.replace("stands in shadow; asked:", "was asked for today already:")


def test_a_version_that_is_not_staged_is_not_asked_for(installation: Installation) -> None:
    record(installation, TO_SHADOW)
    error = tradeops("promote", "9").exception

    assert isinstance(error, UnknownRecord) and "staged: v1 (shadow)" in error.message
    assert installation.requests == []


def test_rollback_acts_at_once_and_again_is_the_same_order(installation: Installation) -> None:
    record(installation, TO_SHADOW, TO_CANARY, TO_LIVE)
    words = ("rollback", "--person", "ann", "--reason", "it loses")
    said = [say(*words) for _ in range(2)]

    assert said[0] == said[1]
    assert said[0] == [
        f"prior_blend/1 (v0) acts live again in place of {TO_LIVE.model}, "
        f"from the first decision after {DAYS[3]} on; what is held stays until then"
    ]
    entries = installation.ledger.list_promotions()
    assert (len(entries), entries[-1].approver, entries[-1].reason) == (4, "ann", "it loses")
    assert (read_standing(entries).live, installation.aliases.found) == ("prior_blend/1", {})
    error = tradeops("rollback", "--person", "ann", "--reason", "still").exception
    assert isinstance(error, LearningError) and "nothing to roll back to" in error.message


def check_rollback_needs_no_registry(installation: Installation) -> None:
    record(installation, TO_SHADOW, TO_CANARY, TO_LIVE)
    installation.registry_is_down = True
    done = tradeops("rollback", "--person", "ann", "--reason", "it loses")
    assert read_standing(installation.ledger.list_promotions()).live == "prior_blend/1"
    assert (done.exit_code, "aliases are not set" in done.stdout) == (0, True)


def test_a_registry_that_is_down_stops_no_rollback(installation: Installation) -> None:
    check_rollback_needs_no_registry(installation)


def test_mutant_that_asks_the_registry_first_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    right: Callable[..., Any] = PromotionDesk.roll_back

    def registry_first(desk: PromotionDesk, **given: str) -> Any:
        desk.open_registry()
        return right(desk, **given)

    monkeypatch.setattr(PromotionDesk, "roll_back", registry_first)
    with pytest.raises(AssertionError):
        check_rollback_needs_no_registry(installation)


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"username": "tasks"}'])
def test_without_an_account_the_remedy_is_said(tmp_path: Path, content: str | None) -> None:
    settings = Settings(state_dir=tmp_path, airflow_credentials_file=tmp_path / "account.json")
    if content is not None:
        settings.airflow_credentials_file.write_text(content)
    with pytest.raises(ConfigurationError, match="start it with `make run`"), connect_airflow(settings):
        pass


def test_the_account_is_that_of_the_installation(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, airflow_credentials_file=tmp_path / "account.json")
    account = {"username": "tasks", "password": "pw"}  # pragma: allowlist secret
    settings.airflow_credentials_file.write_text(json.dumps(account))
    with connect_airflow(settings) as api:
        assert api._login == account
