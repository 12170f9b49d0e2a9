"""The report is shown to those who are logged in, and to nobody else."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from airflow import models
from airflow.api_fastapi.common.db.common import _get_session
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.base import Base
from airflow.models.xcom import XComModel
from fastapi.testclient import TestClient
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import Session

from tradeops.domain.identifiers import BookId, Stage
from tradeops.entrypoints.airflow import report_page
from tradeops.entrypoints.airflow.report_page import find_report, make_report_page
from tradeops.services.report.report_names import name_report

Browse = Callable[..., TestClient]


@pytest.fixture
def airflow() -> Iterator[Session]:
    """A database of Airflow's with a run of `publish_report` for 2013-02-27."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    models.import_all_models()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(
            XComModel(
                dag_run_id=1,
                dag_id="publish_report",
                run_id="asset_triggered__1",
                task_id="write_report",
                key="return_value",
                value={"path": "report.html", "session": "2013-02-27"},
                timestamp=datetime(2013, 2, 27, tzinfo=UTC),
            )
        )
        session.flush()
        yield session


@pytest.fixture
def browse(airflow: Session) -> Browse:
    """Somebody's browser, logged in unless it is said otherwise."""

    def open_browser(*, logged_in: bool = True) -> TestClient:
        page = make_report_page()
        page.dependency_overrides[_get_session] = lambda: airflow
        if logged_in:
            page.dependency_overrides[get_user] = lambda: "someone"
        return TestClient(page, raise_server_exceptions=False)

    return open_browser


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEOPS_REPORTS_DIR", str(tmp_path))
    return tmp_path


def write_report(reports: Path, book_id: BookId, last: date, written_at: int) -> None:
    place = reports / name_report(book_id, last)
    place.mkdir()
    (place / "report.html").write_text(f"<h1>{book_id} {last}</h1>")
    os.utime(place / "report.html", (written_at, written_at))


@pytest.fixture
def some_reports(reports: Path) -> None:
    write_report(reports, BookId(), date(2013, 2, 27), 1)
    write_report(reports, BookId(), date(2013, 3, 1), 2)
    write_report(reports, BookId(run="live_again"), date(2013, 3, 1), 3)
    write_report(reports, BookId(account="shadow", stage=Stage.SHADOW, run="blender_v1"), date(2013, 3, 1), 3)


@pytest.mark.usefixtures("some_reports")
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"dag_id": "replay_history", "run_id": "asset_triggered__1"},
        {"dag_id": "publish_report", "run_id": "one that wrote nothing yet"},
    ],
)
def test_the_newest_report_of_live_is_shown_whoever_writes_another_book_s(
    browse: Browse, asked: dict[str, str]
) -> None:
    answer = browse().get("/report", params=asked)
    assert (answer.status_code, answer.text) == (200, "<h1>live/live/live 2013-03-01</h1>")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def show_a_run_s_own(browse: Browse) -> None:
    answer = browse().get("/report", params={"dag_id": "publish_report", "run_id": "asset_triggered__1"})
    assert (answer.status_code, answer.text) == (200, "<h1>live/live/live 2013-02-27</h1>")


@pytest.mark.usefixtures("some_reports")
def test_a_run_that_wrote_a_report_leads_to_that_one(browse: Browse) -> None:
    show_a_run_s_own(browse)


@pytest.mark.usefixtures("some_reports")
def test_mutant_that_shows_the_newest_for_every_run_is_found(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "find_session", lambda *_: None)
    with pytest.raises(AssertionError):
        show_a_run_s_own(browse)


def test_a_report_that_was_removed_is_not_replaced_by_another(reports: Path, browse: Browse) -> None:
    write_report(reports, BookId(), date(2013, 3, 1), 1)
    answer = browse().get("/report", params={"dag_id": "publish_report", "run_id": "asset_triggered__1"})
    assert answer.status_code == 404
    assert "2013-02-27: run publish_report" in answer.text


def test_before_the_first_report_the_page_says_what_to_run(reports: Path, browse: Browse) -> None:
    assert find_report(reports, "????-??-??") is None
    answer = browse().get("/report")
    assert answer.status_code == 404
    assert "run publish_report" in answer.text


def test_without_a_log_in_nothing_is_shown(reports: Path, browse: Browse) -> None:
    write_report(reports, BookId(), date(2013, 3, 1), 1)
    answer = browse(logged_in=False).get("/report")
    assert answer.status_code in (401, 403, 500)
    assert "live/live/live" not in answer.text
