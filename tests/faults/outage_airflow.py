"""Airflow on the DAGs of a state folder's own `dags`, idle: whoever started it asks by REST."""

import os
import sys
from pathlib import Path

from tests.integration.idle_airflow import await_named, serve_idle
from tradeops.entrypoints.supervisor.airflow_environment import make_airflow_environment
from tradeops.entrypoints.supervisor.installation import Secrets
from tradeops.entrypoints.supervisor.pipeline import Pipeline
from tradeops.settings import WORKING_TREE, Settings

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


def await_dags(pipeline: Pipeline) -> None:
    await_named(pipeline, {INGEST, BACKFILL, FEATURES, SUPERVISE, IMPATIENT})


def use_own_folder(settings: Settings, secrets: Secrets) -> dict[str, str]:
    write_dags(settings.state_dir)
    environment = make_airflow_environment(settings, secrets)
    # On SQLite a busy machine's scheduler may end because another process holds the file.
    database = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": os.environ[DATABASE]}
    return environment | database | {"AIRFLOW__CORE__DAGS_FOLDER": str(settings.state_dir / "dags")}


if __name__ == "__main__":
    sys.exit(serve_idle(use_own_folder, await_dags))
