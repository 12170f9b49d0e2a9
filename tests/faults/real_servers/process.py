"""Answers cases in a process that is warm and forks: `python -m tests.faults.real_servers.process < cases`."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from tests.conftest import ROOT
from tests.faults.conftest import SCRATCH
from tests.faults.installation import warm
from tests.faults.real_servers.cases import Case, Verdict, find_expected, run_case
from tests.faults.real_servers.preparing import prepare
from tests.faults.real_servers.servers import open_servers

# What a process that serves loads beside what is loaded here.
_LATE = ("alembic.command", "langgraph.checkpoint.postgres.aio", "sqlalchemy.dialects.postgresql.psycopg")


def run_cases(cases: Sequence[Case]) -> Iterator[Verdict]:
    """Verdicts in the order of the cases, each when it is there, from a fresh process with servers of its own."""
    own = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT}/include"}
    command, pipe = [sys.executable, "-m", "tests.faults.real_servers.process"], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdin=pipe, stdout=pipe) as process:
        assert process.stdin and process.stdout
        process.stdin.write(pickle.dumps(list(cases)))
        process.stdin.close()
        for _ in cases:
            verdict: Verdict = pickle.load(process.stdout)  # noqa: S301 - our own process wrote it
            yield verdict


def answer_cases(cases: Sequence[Case], folder: Path) -> Iterator[Verdict]:
    """Run them one after another; they share servers, which they harm."""
    for module in _LATE:
        import_module(module)
    warm()
    with open_servers() as servers:
        prepared = prepare(servers, folder)
        prepared = replace(prepared, expected=find_expected(prepared, servers, folder))
        for case in cases:
            yield run_case(case, prepared, servers, folder)


def main() -> None:
    cases: list[Case] = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - who started this wrote it
    folder = Path(tempfile.mkdtemp(prefix="tradeops-real-", dir=SCRATCH))
    try:
        for verdict in answer_cases(cases, folder):
            sys.stdout.buffer.write(pickle.dumps(verdict))
            sys.stdout.buffer.flush()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
