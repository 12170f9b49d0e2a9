"""The supervisor of `make run` on a state folder, idle: whoever started it asks by REST."""

import os
from collections.abc import Callable

from tradeops.entrypoints.process_death import adopt_orphans
from tradeops.entrypoints.supervisor import run
from tradeops.entrypoints.supervisor.installation import Secrets
from tradeops.entrypoints.supervisor.pipeline import Pipeline
from tradeops.entrypoints.supervisor.progress import Progress
from tradeops.entrypoints.supervisor.signals import StopRequested, raise_on_signals, watch_parent
from tradeops.settings import Settings, load_settings

DAGS_SECONDS = 90


def serve_idle(
    make_environment: Callable[[Settings, Secrets], dict[str, str]], await_dags: Callable[[Pipeline], None]
) -> int:
    """Run Airflow and MLflow until a signal comes; its exit code.

    Args:
        make_environment: Of their processes, instead of the product's.
        await_dags: Waits until the DAGs are there; none is started.
    """

    class IdlePipeline(Pipeline):
        def run(self) -> None:
            await_dags(self)

    os.umask(0o077)
    raise_on_signals()
    adopt_orphans()
    watch_parent()
    run.Pipeline = IdlePipeline
    run.make_airflow_environment = make_environment
    run.print_summary = lambda settings: 0
    try:
        return run.run_installation(load_settings(), Progress(), once=False)
    except StopRequested as stop:
        return stop.exit_code


def await_named(pipeline: Pipeline, names: set[str]) -> None:
    """Wait until Airflow lists DAGs of these names."""
    pipeline.processes.wait_for("dag-processor", lambda: names <= pipeline.api.list_dags().keys(), DAGS_SECONDS)
