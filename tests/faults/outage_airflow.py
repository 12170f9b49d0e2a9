"""Airflow on the DAGs of a state folder's own `dags`, idle: whoever started it asks by REST."""

import os
import sys
from pathlib import Path

from tradeops.entrypoints.process_death import adopt_orphans
from tradeops.entrypoints.supervisor import run
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment
from tradeops.entrypoints.supervisor.installation import Secrets
from tradeops.entrypoints.supervisor.pipeline import Pipeline
from tradeops.entrypoints.supervisor.progress import Progress
from tradeops.entrypoints.supervisor.signals import StopRequested, raise_on_signals, watch_parent
from tradeops.settings import WORKING_TREE, Settings, load_settings

INGEST, BACKFILL, FEATURES = "ingest_market_data", "backfill_history", "build_features"
DATABASE = "OUTAGE_AIRFLOW_DATABASE"
SUPERVISE = "supervise_processes"
IMPATIENT = "backfill_history_that_is_tried_once"

_MUTATIONS = {
    f'dag_id="{BACKFILL}"': f'dag_id="{IMPATIENT}"',
    "default_args=BATCH": 'default_args={**BATCH, "retries": 0}',
    "    on_failure_callback=mail_failure,\n": "",
}


def write_dags(state_dir: Path) -> None:
    """The DAGs that meet the log, as they are, and one of them as a mutant whose task is tried once."""
    folder = state_dir / "dags"
    folder.mkdir(parents=True, exist_ok=True)
    names = (INGEST, BACKFILL, FEATURES, SUPERVISE)
    sources = {name: (WORKING_TREE / "dags" / f"{name}.py").read_text() for name in names}
    mutant = sources[BACKFILL]
    for old, new in _MUTATIONS.items():
        assert mutant.count(old) == 1, old
        mutant = mutant.replace(old, new)
    for name, source in {**sources, IMPATIENT: mutant}.items():
        (folder / f"{name}.py").write_text(source)


class IdlePipeline(Pipeline):
    """Waits until the DAGs are there, and starts none."""

    def run(self) -> None:
        wanted = {INGEST, BACKFILL, FEATURES, SUPERVISE, IMPATIENT}
        self.processes.wait_for("dag-processor", lambda: wanted <= self.api.list_dags().keys(), 90)


def use_own_folder(settings: Settings, secrets: Secrets) -> dict[str, str]:
    write_dags(settings.state_dir)
    environment = make_airflow_environment(settings, secrets)
    # On SQLite a busy machine's scheduler may end because another process holds the file.
    database = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": os.environ[DATABASE]}
    return environment | database | {"AIRFLOW__CORE__DAGS_FOLDER": str(settings.state_dir / "dags")}


def main() -> int:
    raise_on_signals()
    adopt_orphans()
    watch_parent()
    run.Pipeline = IdlePipeline
    run.make_airflow_environment = use_own_folder
    run.print_summary = lambda settings: 0
    try:
        return run.run_installation(load_settings(), Progress(), once=False)
    except StopRequested as stop:
        return stop.exit_code


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
