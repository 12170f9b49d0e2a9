"""The report is shown to those who are logged in, and to nobody else."""

import os
from datetime import date
from pathlib import Path

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from tradeops.domain.identifiers import BookId, Stage
from tradeops.entrypoints.airflow.report_page import find_newest_report, make_report_page
from tradeops.services.report.report_names import name_report


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEOPS_REPORTS_DIR", str(tmp_path))
    return tmp_path


def _log_in(page: object) -> TestClient:
    page.dependency_overrides[get_user] = lambda: "someone"  # type: ignore[attr-defined]
    return TestClient(page)  # type: ignore[arg-type]


def write_report(reports: Path, book_id: BookId, last: date, written_at: int) -> None:
    place = reports / name_report(book_id, last)
    place.mkdir()
    (place / "report.html").write_text(f"<h1>{book_id} {last}</h1>")
    os.utime(place / "report.html", (written_at, written_at))


def test_the_newest_report_of_live_is_shown_whoever_writes_another_book_s(reports: Path) -> None:
    write_report(reports, BookId(), date(2013, 2, 28), 1)
    write_report(reports, BookId(), date(2013, 3, 1), 2)
    write_report(reports, BookId(run="live_again"), date(2013, 3, 1), 3)
    write_report(reports, BookId(account="shadow", stage=Stage.SHADOW, run="blender_v1"), date(2013, 3, 1), 3)
    answer = _log_in(make_report_page()).get("/report")
    assert (answer.status_code, answer.text) == (200, "<h1>live/live/live 2013-03-01</h1>")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_before_the_first_report_the_page_says_what_to_run(reports: Path) -> None:
    assert find_newest_report(reports) is None
    answer = _log_in(make_report_page()).get("/report")
    assert answer.status_code == 404
    assert "publish_report" in answer.text


def test_without_a_log_in_nothing_is_shown(reports: Path) -> None:
    write_report(reports, BookId(), date(2013, 3, 1), 1)
    answer = TestClient(make_report_page(), raise_server_exceptions=False).get("/report")
    assert answer.status_code in (401, 403, 500)
    assert "live/live/live" not in answer.text
