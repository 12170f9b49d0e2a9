"""Tasks that train, and tasks that report."""

from datetime import date
from typing import Any

from tradeops.entrypoints.airflow.run_notes import note_run
from tradeops.entrypoints.airflow.task_runtime import open_task_runtime


def train_blender(until: date | None) -> dict[str, Any]:
    """Train the blender on the history up to a session; the same training is done once.

    Args:
        until: No price after this session is used; the last session decided when left out.
    """
    with open_task_runtime() as runtime:
        trained = runtime.train_blender(until=until)
    note_run(
        f"blender v{trained.version}: pinball {trained.metrics['pinball']:.5f}, "
        f"prior blend {trained.metrics['pinball_prior']:.5f}; now in shadow"
    )
    return {"version": trained.version, "identity": trained.identity}


def publish_report() -> dict[str, Any]:
    """Write the report of the live book and keep a copy in the registry."""
    with open_task_runtime() as runtime:
        report = runtime.publish_report()
    note_run(f"report of the sessions to {report.session}: {report.path}")
    return {"path": str(report.path), "session": report.session.isoformat()}
