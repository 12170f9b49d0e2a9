"""Serves reports inside Airflow's UI, to those who are logged in there."""

from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.xcom import XComModel
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from tradeops.domain.identifiers import BookId
from tradeops.services.report.report_names import REPORT_FILE, name_report
from tradeops.settings import load_settings

WRITERS = {"publish_report": "write_report"}  # by DAG, the task whose result names the report's last session
# The report carries its pictures in itself and needs nothing from anywhere.
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}


def make_report_page() -> FastAPI:
    """An application with one page; every request needs a log-in."""
    page = FastAPI(title="tradeops reports", docs_url=None, redoc_url=None, openapi_url=None)

    @page.get("/report")
    def show_report(
        user: Annotated[object, Depends(get_user)], airflow: SessionDep, dag_id: str = "", run_id: str = ""
    ) -> HTMLResponse:
        """The report that a run wrote; for a run that writes none, the live account's that was written last."""
        session = find_session(airflow, dag_id, run_id)
        found = find_report(load_settings().reports_dir, session or "????-??-??")
        if found is None:
            raise HTTPException(404, f"there is no report{f' of {session}' if session else ''}: run publish_report")
        return HTMLResponse(found.read_text(), headers=_HEADERS)

    return page


def find_session(airflow: SessionDep, dag_id: str, run_id: str) -> str | None:
    """The last session of the report that a run wrote; None for a run that wrote none."""
    if dag_id not in WRITERS:
        return None
    of_the_task = {"dag_id": dag_id, "run_id": run_id, "task_id": WRITERS[dag_id], "key": "return_value"}
    written = airflow.scalars(select(XComModel).filter_by(**of_the_task)).first()
    return XComModel.deserialize_value(written)["session"] if written else None


def find_report(folder: Path, sessions: str) -> Path | None:
    """The report file of the live account that was written last, None before the first.

    Args:
        folder: Of the reports.
        sessions: A report's last session, or a pattern of them.
    """
    of_live = name_report(BookId(), sessions)
    return max(folder.glob(f"{of_live}/{REPORT_FILE}"), key=lambda path: path.stat().st_mtime, default=None)
