"""A task dies with the worker that runs it: no orphan goes on beside its own retry."""

import os
import signal
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from tradeops.entrypoints.process_death import die_with_parent


class _Listener:
    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        """Called in the task's own process, before the task."""
        die_with_parent()
        if os.getppid() == 1:  # the worker died before the call above
            os.kill(os.getpid(), signal.SIGKILL)


class TaskDiesWithWorkerPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "tradeops_task_dies_with_worker"
    listeners = [_Listener()]  # noqa: RUF012 - the attribute's type is Airflow's
