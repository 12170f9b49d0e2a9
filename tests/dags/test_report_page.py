"""The report is shown to those who are logged in, and to nobody else."""

from pathlib import Path

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from tradeops.entrypoints.airflow.report_page import find_newest_report, make_report_page


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEOPS_REPORTS_DIR", str(tmp_path))
    return tmp_path


def _log_in(page: object) -> TestClient:
    page.dependency_overrides[get_user] = lambda: "someone"  # type: ignore[attr-defined]
    return TestClient(page)  # type: ignore[arg-type]


def test_the_newest_report_is_shown(reports: Path) -> None:
    for name in ("first", "second"):
        (reports / name).mkdir()
        (reports / name / "report.html").write_text(f"<h1>{name}</h1>")
    import os

    os.utime(reports / "first" / "report.html", (1, 1))
    answer = _log_in(make_report_page()).get("/report")
    assert (answer.status_code, answer.text) == (200, "<h1>second</h1>")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_before_the_first_report_the_page_says_what_to_run(reports: Path) -> None:
    assert find_newest_report(reports) is None
    answer = _log_in(make_report_page()).get("/report")
    assert answer.status_code == 404
    assert "publish_report" in answer.text


def test_without_a_log_in_nothing_is_shown(reports: Path) -> None:
    (reports / "r").mkdir()
    (reports / "r" / "report.html").write_text("secret")
    answer = TestClient(make_report_page(), raise_server_exceptions=False).get("/report")
    assert answer.status_code in (401, 403, 500)
    assert "secret" not in answer.text
