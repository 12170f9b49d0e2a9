"""A note is a courtesy: written when it can be, and never the reason for a failure."""

import json
import logging
from pathlib import Path
from secrets import token_hex

import httpx
import pytest

from tradeops.entrypoints.airflow.run_notes import RunNote
from tradeops.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    account = tmp_path / "account.json"
    account.write_text(json.dumps({"username": "tasks", "password": token_hex()}))
    return Settings(state_dir=tmp_path, airflow_credentials_file=account)


def answer_with(monkeypatch: pytest.MonkeyPatch, status: int) -> list[httpx.Request]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, json={"access_token": "t"}, request=request)

    real = httpx.Client
    monkeypatch.setattr(
        "tradeops.entrypoints.airflow.run_notes.httpx.Client",
        lambda **given: real(base_url=given["base_url"], transport=httpx.MockTransport(answer)),
    )
    return requests


def test_the_note_is_replaced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = answer_with(monkeypatch, 200)
    note = RunNote(settings, "replay_history", "run-1")
    note.write("2001: 208 sessions")
    note.write("x" * 1500)
    login, first, second = requests
    assert login.url.path == "/auth/token"
    assert (first.method, first.url.path) == ("PATCH", "/api/v2/dags/replay_history/dagRuns/run-1")
    assert json.loads(first.content) == {"note": "2001: 208 sessions"}
    assert len(json.loads(second.content)["note"]) == 1000


@pytest.mark.parametrize("status", [401, 500])
def test_a_refused_note_is_only_logged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    answer_with(monkeypatch, status)
    with caplog.at_level(logging.WARNING):
        RunNote(settings, "d", "r").write("text")
    assert "could not be written" in caplog.text


def test_without_an_account_the_task_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        RunNote(Settings(state_dir=tmp_path), "d", "r").write("text")
    assert "could not be written" in caplog.text
