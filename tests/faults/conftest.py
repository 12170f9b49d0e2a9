"""All cases of a file's tests are run once, two at a time, by a process that does nothing else."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.faults.cases import Case, Verdict

# A killed process loses nothing that it wrote to memory-backed files, and they cost no waiting.
SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True)
class Answers:
    reached: dict[str, dict[str, int]]
    verdicts: dict[Case, Verdict]


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest) -> Iterator[Answers]:
    asked_for = [item for item in request.session.items if item.path == request.path]  # others' may run elsewhere
    folder = Path(tempfile.mkdtemp(prefix="tradeops-faults-", dir=SCRATCH))
    try:
        yield ask_suite(collect_cases(asked_for), folder)
    finally:
        shutil.rmtree(folder)


def collect_cases(items: list[pytest.Item]) -> list[Case]:
    """The cases of exactly the tests that were asked for."""
    given = [getattr(item, "callspec", None) for item in items]
    cases = [found for spec in given if spec for found in spec.params.values() if isinstance(found, Case)]
    return list(dict.fromkeys(cases))


def ask_suite(cases: list[Case], folder: Path) -> Answers:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.suite", str(folder)],
        input=pickle.dumps(cases),
        stdout=subprocess.PIPE,
        env=environment,
        check=True,
    )
    answered: dict[str, Any] = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    return Answers(**answered)


@pytest.fixture
def judge(answers: Answers) -> Any:
    return answers.verdicts.__getitem__
