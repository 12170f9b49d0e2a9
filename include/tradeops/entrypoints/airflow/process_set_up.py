"""What every process of Airflow does first."""

import importlib
import sys
from collections.abc import Sequence

from tradeops.entrypoints.process_death import bind_forks_to_parent

# Imported once by the process that forks tasks; they inherit it and start in a fraction of a second.
_WARM = (
    "numpy",
    "numba",
    "pandas",
    "polars",
    "deltalake",
    "matplotlib.figure",
    "lightgbm",
    "mlflow",
    "mlflow.lightgbm",
    "exchange_calendars",
    "langgraph.graph",
    "langgraph.checkpoint.sqlite.aio",
    "sqlalchemy.dialects.sqlite",
    "airflow.sdk.execution_time.task_runner",
    "tradeops.bootstrap.runtime",
)


def set_up_process(forks_tasks: Sequence[str] = ("scheduler",)) -> None:
    """Bind this process's forks to its life; in the one that forks tasks, import what they need.

    Args:
        forks_tasks: Words that follow `airflow` in that process's command.
    """
    bind_forks_to_parent()
    if sys.argv[1 : 1 + len(forks_tasks)] == list(forks_tasks):
        for name in _WARM:
            importlib.import_module(name)
