"""Tasks that decide stand still where a test asks them to."""

import os
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class _Listener:
    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        if task_instance.task_id != "decide_due_sessions":
            return
        given = dict(os.environ)
        from tests.deploy.stops import FOLDER, Stops  # whatever is of the tests takes settings away

        os.environ.update(given)
        Stops(Path(os.environ[FOLDER])).set_traps()


class StopWhereAskedPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "stop_where_asked"
    listeners = [_Listener()]  # noqa: RUF012 - the attribute's type is Airflow's
