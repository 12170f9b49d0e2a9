"""`python -m tradeops.entrypoints.processes.health serve`: what `tradeops health` says, loading nothing else.

The command line takes seconds to load; who asks every few seconds, as a container's health check does, asks here.
"""

import argparse
import sys
from pathlib import Path

from tradeops.domain.errors import ConfigurationError, TradeOpsError
from tradeops.entrypoints.processes.heartbeat import read_beats
from tradeops.settings import load_settings

NAMES = ("serve", "seal", "relay")
WITHIN_SECONDS = 60.0
HEALTHY = 0
UNHEALTHY = 1


def describe_health(state_dir: Path, process: str, within: float) -> tuple[list[str], int]:
    """A line a process of a name on this host, and the exit code: 0 when there are some and all are well.

    Raises:
        ConfigurationError: There is no such process.
    """
    if process not in NAMES:
        raise ConfigurationError(f"there is no process {process!r}; ask for {', '.join(NAMES)}", process=process)
    beats = read_beats(state_dir, process)
    faults = [beat.find_fault(within) for beat in beats]
    if not beats:
        return [f"{process} does not run here"], UNHEALTHY
    lines = [f"{process} {beat.pid} {fault or beat.praise()}" for beat, fault in zip(beats, faults, strict=True)]
    return lines, UNHEALTHY if any(faults) else HEALTHY


def main(words: list[str]) -> int:
    """Ask for the process that the words name."""
    parser = argparse.ArgumentParser(prog="python -m tradeops.entrypoints.processes.health")
    parser.add_argument("process")
    parser.add_argument("--within", type=float, default=WITHIN_SECONDS)
    options = parser.parse_args(words)
    try:
        lines, code = describe_health(load_settings().state_dir, options.process, options.within)
    except TradeOpsError as error:
        lines, code = [error.message], UNHEALTHY
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
