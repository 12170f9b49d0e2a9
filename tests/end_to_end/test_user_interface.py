"""Airflow's user interface in a real browser, as an operator sees it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as Late

from tests.conftest import ROOT
from tests.end_to_end.conftest import UpAndRunning
from tradeops.domain.identifiers import BookId
from tradeops.services.report.report_names import REPORT_FILE, name_report

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
WAIT_MS = 180_000
DAGS = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def page(up: UpAndRunning) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), timeout=WAIT_MS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.goto(up.url)
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", up.password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{up.url}/", timeout=WAIT_MS)
        yield page
        browser.close()


def test_every_dag_is_listed_and_green(page: Page, up: UpAndRunning, tmp_path: Path) -> None:
    page.goto(f"{up.url}/dags")
    for dag_id in DAGS:
        expect(page.get_by_role("link", name=dag_id, exact=True)).to_be_visible()
    expect(page.get_by_text(f"{len(DAGS)} Dags")).to_be_visible()
    assert page.screenshot(path=tmp_path / "dags.png")


def test_the_page_of_a_dag_tells_an_operator_what_to_do(page: Page, up: UpAndRunning) -> None:
    for dag_id in DAGS:
        page.goto(f"{up.url}/dags/{dag_id}")
        page.get_by_role("button", name="Dag Docs").click()
        for heading in ("Parameters", "Safe to clear", "If it fails"):
            expect(page.get_by_role("heading", name=heading)).to_be_attached()


def test_the_finished_replay_shows_success_and_its_progress(page: Page, up: UpAndRunning) -> None:
    page.goto(f"{up.url}/dags/replay_history/runs/make_run__until_2013-02-27")
    expect(page.get_by_text("Success").first).to_be_visible()
    expect(page.get_by_text("decide_after_training").first).to_be_visible()
    expect(page.get_by_text("sessions").first).to_be_visible()


def test_the_trigger_form_shows_validated_parameters(page: Page, up: UpAndRunning) -> None:
    page.goto(f"{up.url}/dags/replay_history")
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.locator("input[value='2013-02-27']").first).to_be_attached()
    expect(page.get_by_text("last session to decide")).to_be_visible()


def test_a_dag_that_is_not_there_would_be_missed(page: Page, up: UpAndRunning) -> None:
    page.goto(f"{up.url}/dags")
    expect(page.get_by_text(f"{len(DAGS)} Dags")).to_be_visible()
    with pytest.raises((AssertionError, Late)):
        expect(page.get_by_role("link", name="train_everything", exact=True)).to_be_visible(timeout=500)


def test_a_run_leads_to_the_report(page: Page, up: UpAndRunning, tmp_path: Path) -> None:
    page.goto(f"{up.url}/dags/replay_history/runs/make_run__until_2013-02-27/plugin/report")
    report = page.frame_locator("iframe")
    expect(report.get_by_text("no evidence of skill").first).to_be_visible()
    assert page.screenshot(path=tmp_path / "report.png")


def test_a_run_of_publish_report_leads_to_the_report_that_it_wrote(page: Page, up: UpAndRunning) -> None:
    newer = up.installation.state_dir / "reports" / name_report(BookId(), "9999-12-31") / REPORT_FILE
    newer.parent.mkdir()
    newer.write_text("<p>a newer one</p>")
    try:
        for dag_id, shown in (("replay_history", "a newer one"), ("publish_report", "no evidence of skill")):
            run_id = quote(up.api.list_runs(dag_id)[0]["dag_run_id"], safe="")
            page.goto(f"{up.url}/dags/{dag_id}/runs/{run_id}/plugin/report")
            expect(page.frame_locator("iframe").get_by_text(shown).first).to_be_visible()
    finally:
        shutil.rmtree(newer.parent)


def test_the_report_is_shown_to_nobody_without_a_log_in(up: UpAndRunning) -> None:
    answer = httpx.get(f"{up.url}/tradeops/report", trust_env=False, timeout=180)
    assert answer.status_code == 401
    assert "evidence" not in answer.text
