"""One decided history of some 300 sessions, made by a process of its own and never changed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tradeops.settings import Settings, make_child_environment

HISTORY_UNTIL = "2002-05-10"


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="tradeops-replay-", dir=parent))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def decided_history(scratch: Path) -> Path:
    """State folder of a book decided until `HISTORY_UNTIL`."""
    folder = scratch / "history"
    decide_history(folder, HISTORY_UNTIL)
    return folder


def decide_history(folder: Path, until: str) -> None:
    environment = make_child_environment(Settings(state_dir=folder), {"PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-m", "tests.integration.produce_history", until]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
