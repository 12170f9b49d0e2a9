"""`python -m tests.evidence [--kills N] [--table] [NAME …]`: writes docs/evidence/<name>.json, then tells all faults.

What is done is not done again.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.evidence import concurrent_cycles, fail_point_kills, kafka_to_lake, oracle, random_kills, server_faults
from tests.evidence.all_faults import read_rows
from tests.evidence.store import FOLDER, Evidence, Part, find_commit, open_evidence
from tests.evidence.table import find_losses, lay_out_table

Gather = Callable[[Evidence], Iterator[str]]
FindFailures = Callable[[Sequence[Part]], list[str]]
KINDS: Mapping[str, tuple[Gather, FindFailures]] = {
    each.NAME: (each.gather, each.find_failures)
    for each in (random_kills, fail_point_kills, server_faults, oracle, kafka_to_lake, concurrent_cycles)
}


def read_words(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("--kills", type=int, default=random_kills.TOTAL, help="installations to kill at random moments")
    parser.add_argument("--table", action="store_true", help="only tell what is in docs/evidence")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(KINDS)}; all when none is named")
    given = parser.parse_args(words)
    if unknown := sorted(set(given.names) - set(KINDS)):
        parser.error(f"unknown evidence: {', '.join(unknown)} (there are {', '.join(KINDS)})")
    return given


def main(words: Sequence[str], folder: Path = FOLDER) -> int:
    given = read_words(words)
    failures = [] if given.table else gather_all(given)
    failures += tell_table(folder)
    for failure in failures:
        say(f"FAILED {failure}")
    return 1 if failures else 0


def gather_all(given: argparse.Namespace) -> list[str]:
    commit, failures = find_commit(), list[str]()
    for name in given.names or KINDS:
        do_parts, find_failures = KINDS[name]
        if name == random_kills.NAME:
            do_parts = partial(random_kills.gather, total=given.kills)
        failures += gather(open_evidence(name, commit), do_parts, find_failures)
    return failures


def gather(evidence: Evidence, do_parts: Gather, find_failures: FindFailures) -> list[str]:
    say(f"{evidence.name} at {evidence.commit}: {len(evidence.parts)} parts are done")
    started = time.monotonic()
    for done in do_parts(evidence):
        say(f"  {time.monotonic() - started:5.0f} s  {done}")
    for name, figure in evidence.figures.items():
        say(f"  {name}: {json.dumps(figure)}")
    return find_failures(evidence.parts)


def tell_table(folder: Path) -> list[str]:
    rows = list(read_rows(folder))
    if not rows:
        return [f"no faults are told in {folder}"]
    for line in lay_out_table(rows):
        say(line)
    return find_losses(rows)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The decision path runs on one numeric thread, and numpy reads this when it is loaded.
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        os.execv(sys.executable, [sys.executable, "-m", "tests.evidence", *sys.argv[1:]])  # noqa: S606
    sys.exit(main(sys.argv[1:]))
