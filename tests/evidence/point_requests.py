"""What a process that kills works at fail points is asked, and what it answers."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from tests.conftest import ROOT
from tests.evidence.kills import Outcome
from tests.faults.conftest import SCRATCH

MODULE = "tests.evidence.point_process"


@dataclass(frozen=True)
class Request:
    """What to kill.

    Args:
        done: Points that are left out, as text.
        most: Kills; None for each place once in each setting.
        mistakes: Kill with each mistake in the product too.
    """

    work: str
    seed: int
    done: frozenset[str]
    most: int | None
    mistakes: bool


@dataclass(frozen=True)
class Answer:
    """Outcomes by point and by mistake."""

    points: dict[str, Outcome]
    mistakes: dict[str, Outcome]


def kill_at_points(request: Request) -> Answer:
    """From a fresh process that does nothing else."""
    folder = tempfile.mkdtemp(prefix="tradeops-points-", dir=SCRATCH)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", MODULE]
    try:
        done = subprocess.run(
            command,
            input=pickle.dumps((request, folder)),
            stdout=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
            check=True,
        )
    finally:
        shutil.rmtree(folder)
    answer: Answer = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    return answer


def tell_command(point: str) -> str:
    """What repeats one kill."""
    return f".venv/bin/python -m {MODULE} '{point}'"
