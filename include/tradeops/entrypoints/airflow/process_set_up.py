"""What every process of the embedded Airflow does first."""

import importlib
import sys

from tradeops.entrypoints.process_death import bind_forks_to_parent

# Imported once by the scheduler; the tasks it forks inherit them and start in a fraction of a second.
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


def set_up_process() -> None:
    """Bind this process's forks to its life; in the scheduler, import what tasks need."""
    bind_forks_to_parent()
    if sys.argv[1:2] == ["scheduler"]:
        for name in _WARM:
            importlib.import_module(name)
