"""`python -m tradeops.entrypoints.supervisor`: see `make run` and `make reset`."""

import argparse
import os
import sys

from tradeops.domain.errors import TradeOpsError
from tradeops.entrypoints.process_death import adopt_orphans
from tradeops.entrypoints.supervisor.installation import remove_state
from tradeops.entrypoints.supervisor.process_tree import end_children
from tradeops.entrypoints.supervisor.progress import Progress
from tradeops.entrypoints.supervisor.run import run_installation
from tradeops.entrypoints.supervisor.signals import StopRequested, ignore_signals, raise_on_signals, watch_parent
from tradeops.settings import load_settings


def main() -> int:
    """Parse the command line and run.

    Returns:
        0 when all went well, 1 when a step failed, 128 + n when signal n ended it.
    """
    options = _parse()
    raise_on_signals()
    adopt_orphans()
    if options.with_parent:
        watch_parent()
    try:
        try:
            return _run(options, Progress())
        finally:
            ignore_signals()
            end_children([])
    finally:  # a signal may have come between the two lines above; none can cut this one short
        ignore_signals()
        end_children([])


def _run(options: argparse.Namespace, progress: Progress) -> int:
    try:
        settings = load_settings()
        if options.reset:
            remove_state(settings.state_dir)
            progress.say(f"removed {settings.state_dir}")
            return 0
        return run_installation(settings, progress, once=options.once)
    except StopRequested as stop:
        ignore_signals()
        progress.say(f"{stop}; every process is ended")
        return stop.exit_code
    except TradeOpsError as error:
        progress.say(f"FAILED: {error}")
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tradeops.entrypoints.supervisor")
    parser.add_argument("--once", action="store_true", help="end after the summary")
    parser.add_argument("--reset", action="store_true", help="remove the state folder and end")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started us dies")
    return parser.parse_args()


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
