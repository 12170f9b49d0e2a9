"""Serves the newest report inside Airflow's UI, to those who are logged in there."""

from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from tradeops.domain.identifiers import BookId
from tradeops.services.report.report_names import REPORT_FILE, name_report
from tradeops.settings import load_settings

_OF_LIVE = name_report(BookId(), "????-??-??")
# The report carries its pictures in itself and needs nothing from anywhere.
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}


def make_report_page() -> FastAPI:
    """An application with one page; every request needs a log-in."""
    page = FastAPI(title="tradeops reports", docs_url=None, redoc_url=None, openapi_url=None)

    @page.get("/report")
    def show_newest_report(user: Annotated[object, Depends(get_user)]) -> HTMLResponse:
        """The report of the live account that was written last."""
        newest = find_newest_report(load_settings().reports_dir)
        if newest is None:
            raise HTTPException(404, "no report is written yet: run the DAG publish_report")
        return HTMLResponse(newest.read_text(), headers=_HEADERS)

    return page


def find_newest_report(folder: Path) -> Path | None:
    """The report file of the live account that was written last; None before the first."""
    return max(folder.glob(f"{_OF_LIVE}/{REPORT_FILE}"), key=lambda path: path.stat().st_mtime, default=None)
