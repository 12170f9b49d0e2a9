"""Some sessions of a test market through the pipeline in one process, as Airflow's tasks take them through it."""

from datetime import date

from tests.deploy.airflow_findings import read_content
from tests.faults.findings import Content
from tests.faults.installation import wait_for_agents
from tradeops.bootstrap.runtime import open_runtime
from tradeops.settings import Settings

LOADED = date(2001, 4, 26)  # the first orders of the market lie before it
SESSIONS = 20  # delivered in each round


def load(settings: Settings) -> None:
    """What is there before Airflow."""
    with open_runtime(settings) as runtime:
        runtime.backfill_history(LOADED, requested_by="before Airflow")
        runtime.build_features()


def decide_round(settings: Settings, name: str) -> Content:
    """Deliver sessions and decide what is due; what is there then."""
    with wait_for_agents(), open_runtime(settings) as runtime:
        runtime.ingest_sessions(SESSIONS, requested_by=name)
        runtime.build_features()
        runtime.decide_sessions()
    return read_content(settings)
