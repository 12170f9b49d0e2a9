"""Decides the bundled history: `python -m tests.integration.produce_history 2001-06-29`."""

import sys
from datetime import date

from tests.integration.patience import patient_agents
from tradeops.bootstrap.runtime import open_runtime
from tradeops.settings import load_settings


def main() -> None:
    until = date.fromisoformat(sys.argv[1])
    with patient_agents(), open_runtime(load_settings()) as runtime:
        runtime.backfill_history(until, requested_by="produce_history")
        runtime.build_features()
        runtime.decide_sessions(until=until)


if __name__ == "__main__":
    main()
