"""Writes a line of progress on a task's own DAG run, where operators look."""

import json
import logging

import httpx
from airflow.sdk import get_current_context

from tradeops.settings import Settings, load_settings

_LOG = logging.getLogger(__name__)
_LONGEST = 1000


class RunNote:
    """The note of one DAG run, written over Airflow's REST API.

    A note is a courtesy: when it cannot be written the log says so and the task goes on.

    Args:
        settings: Where the API and the account for it are.
        dag_id: Whose run.
        run_id: Which run.
    """

    def __init__(self, settings: Settings, dag_id: str, run_id: str) -> None:
        self._settings = settings
        self._path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._token = ""

    def write(self, text: str) -> None:
        """Replace the note.

        Args:
            text: Its new content; cut to what Airflow accepts.
        """
        try:
            with httpx.Client(base_url=self._settings.airflow_url, timeout=5.0, trust_env=False) as http:
                headers = {"Authorization": f"Bearer {self._token or self._authorise(http)}"}
                http.patch(self._path, json={"note": text[:_LONGEST]}, headers=headers).raise_for_status()
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            _LOG.warning("the run's note could not be written: %r", error)

    def _authorise(self, http: httpx.Client) -> str:
        account = json.loads(self._settings.airflow_credentials_file.read_text())
        answer = http.post("/auth/token", json=account).raise_for_status()
        self._token = str(answer.json()["access_token"])
        return self._token


def note_run(text: str) -> None:
    """Say in the log and on the running task's own run what happened.

    Args:
        text: One line.
    """
    context = get_current_context()
    _LOG.info(text)
    RunNote(load_settings(), context["dag"].dag_id, context["run_id"]).write(text)
