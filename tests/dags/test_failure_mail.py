"""One message a cause, with what on-call needs to act."""

import email
import json
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException

from tradeops.domain.errors import CorruptInput
from tradeops.entrypoints.airflow.failure_causes import record_cause
from tradeops.entrypoints.airflow.failure_mail import mail_failure

DAG, RUN, TASK = "run_decision_cycle", "make_run__2013-02-28", "decide_due_sessions"


@pytest.fixture
def context(bag: DagBag) -> dict[str, Any]:
    task = SimpleNamespace(dag_id=DAG, run_id=RUN, task_id=TASK)
    return {"dag": bag.dags[DAG], "run_id": RUN, "ti": task, "exception": CorruptInput("a changed byte in view ab12")}


@pytest.fixture
def read_mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[EmailMessage]]:
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))

    def read() -> list[EmailMessage]:
        files = sorted((tmp_path / "mail").glob("*"))
        assert all(file.suffix == ".eml" for file in files)
        return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]

    return read


def test_the_message_says_what_why_and_what_to_do(
    context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]]
) -> None:
    record_cause(context)
    mail_failure(context)
    (mail,) = read_mails()
    assert mail["Subject"] == f"[tradeops] {DAG}.{TASK} failed: CorruptInput"
    text = mail.get_content()
    assert "CorruptInput: a changed byte in view ab12" in text
    assert f"http://127.0.0.1:8090/dags/{DAG}/runs/{RUN}" in text
    assert "tradeops doctor" in text
    assert "Trading has stopped for this account" in text
    assert "## " not in text


def test_a_killed_task_is_reported_too(context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]]) -> None:
    mail_failure(context)
    (mail,) = read_mails()
    assert "it was killed" in mail.get_content()


def test_the_file_is_readable_as_it_is(
    context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]], tmp_path: Path
) -> None:
    record_cause(context)
    mail_failure(context)
    (file,) = (tmp_path / "mail").glob("*.eml")
    assert "seen 1×" in file.read_text()


def test_the_same_cause_is_mailed_once(
    context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]], tmp_path: Path
) -> None:
    for _ in range(3):
        record_cause(context)
        mail_failure(context)
    assert len(read_mails()) == 1
    (incident,) = (json.loads(file.read_text()) for file in (tmp_path / "incidents").glob("*.json"))
    assert incident["count"] == 3


def test_a_cause_speaks_for_one_failure_only(
    context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]]
) -> None:
    record_cause(context)
    mail_failure(context)
    mail_failure(context)
    assert sorted(mail["Subject"].rpartition(" ")[2] for mail in read_mails()) == ["CorruptInput", "ProcessKilled"]


def test_the_error_behind_the_refusal_to_retry_is_named(
    context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]]
) -> None:
    refusal = AirflowFailException("wrapped")
    refusal.__cause__ = context["exception"]
    record_cause(context | {"exception": refusal})
    mail_failure(context)
    assert "failed: CorruptInput" in read_mails()[0]["Subject"]


def test_another_cause_is_mailed_beside_it(
    context: dict[str, Any], read_mails: Callable[[], list[EmailMessage]]
) -> None:
    record_cause(context)
    mail_failure(context)
    context["exception"] = ValueError("other")
    record_cause(context)
    mail_failure(context)
    assert len(read_mails()) == 2
