"""Warms a worker up for tasks that decide, and binds nothing that it forks: what binds tasks here is the plugin."""

import importlib
import sys

__all__: list[str] = []

if sys.argv[1:3] == ["celery", "worker"]:
    for _name in ("airflow.sdk.execution_time.task_runner", "langgraph.graph", "tradeops.bootstrap.runtime"):
        importlib.import_module(_name)
