"""One case again: `python -m tests.faults.real_servers CLASS SEED [--faults N]`."""

import argparse
import sys
from dataclasses import asdict
from pprint import pformat

from tests.faults.real_servers.cases import Case
from tests.faults.real_servers.faults import FAULTS
from tests.faults.real_servers.process import run_cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.real_servers", description=__doc__)
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("seed", type=int)
    parser.add_argument("--faults", type=int, default=1)
    words = parser.parse_args()
    (verdict,) = run_cases([Case(words.fault, words.seed, words.faults)])
    sys.stdout.write(pformat(asdict(verdict), width=120, sort_dicts=False) + "\n")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
