"""`python -m tests.evidence [--kills N] [NAME …]`: writes docs/evidence/<name>.json; what is done is not done again."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.evidence import kafka_to_lake, oracle, random_kills
from tests.evidence.store import Evidence, Part, find_commit, open_evidence

Gather = Callable[[Evidence], Iterator[str]]
FindFailures = Callable[[Sequence[Part]], list[str]]
NAMES = (random_kills.NAME, oracle.NAME, kafka_to_lake.NAME)


def read_words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("--kills", type=int, default=random_kills.TOTAL, help="installations to kill, in all")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; all when none is named")
    words = parser.parse_args()
    if unknown := sorted(set(words.names) - set(NAMES)):
        parser.error(f"unknown evidence: {', '.join(unknown)} (there are {', '.join(NAMES)})")
    return words


def main() -> int:
    words = read_words()
    kinds: Mapping[str, tuple[Gather, FindFailures]] = {
        random_kills.NAME: (lambda evidence: random_kills.gather(evidence, words.kills), random_kills.find_failures),
        oracle.NAME: (oracle.gather, oracle.find_failures),
        kafka_to_lake.NAME: (kafka_to_lake.gather, kafka_to_lake.find_failures),
    }
    commit = find_commit()
    failures = [fault for name in words.names or NAMES for fault in gather(open_evidence(name, commit), *kinds[name])]
    for failure in failures:
        say(f"FAILED {failure}")
    return 1 if failures else 0


def gather(evidence: Evidence, do_parts: Gather, find_failures: FindFailures) -> list[str]:
    say(f"{evidence.name} at {evidence.commit}: {len(evidence.parts)} parts are done")
    started = time.monotonic()
    for done in do_parts(evidence):
        say(f"  {time.monotonic() - started:5.0f} s  {done}")
    for name, figure in evidence.figures.items():
        say(f"  {name}: {json.dumps(figure)}")
    return find_failures(evidence.parts)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The decision path runs on one numeric thread, and numpy reads this when it is loaded.
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        os.execv(sys.executable, [sys.executable, "-m", "tests.evidence", *sys.argv[1:]])  # noqa: S606
    sys.exit(main())
