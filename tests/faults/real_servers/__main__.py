"""One case again: `python -m tests.faults.real_servers CLASS SEED [--faults N] [--mistake NAME]`."""

import argparse
import sys
from dataclasses import asdict
from pprint import pformat

from tests.faults.real_servers.cases import UNDISTURBED, Case
from tests.faults.real_servers.faults import FAULTS
from tests.faults.real_servers.mistakes import MISTAKES
from tests.faults.real_servers.process import run_cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.real_servers", description=__doc__)
    parser.add_argument("fault", choices=(*FAULTS, UNDISTURBED))
    parser.add_argument("seed", type=int)
    parser.add_argument("--faults", type=int, default=1)
    parser.add_argument("--mistake", choices=MISTAKES, default="")
    words = parser.parse_args()
    (verdict,) = run_cases([Case(words.fault, words.seed, words.faults, words.mistake)])
    sys.stdout.write(pformat(asdict(verdict), width=120, sort_dicts=False) + "\n")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
