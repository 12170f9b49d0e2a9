"""Killed while it loads the market, a process loses and doubles nothing; nor do several at once."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.faults.conftest import SCRATCH
from tests.faults.kill_loaders import PLACES

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """All cases, by a process of its own: children are forked from a parent that has opened nothing."""
    folder = Path(tempfile.mkdtemp(prefix="tradeops-loaders-", dir=SCRATCH))
    try:
        subprocess.run([sys.executable, "-m", "tests.faults.kill_loaders", str(folder)], cwd=ROOT, check=True)
        yield json.loads((folder / "found.json").read_text())
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("place", PLACES)
def test_killed_load_goes_on_and_loses_and_doubles_nothing(place: str, found: Found) -> None:
    assert found[place] == {"killed": True, "error": "", "faults": []}


def test_loaders_at_once_lose_and_double_nothing(found: Found) -> None:
    assert found["at once"] == {"error": "", "faults": []}


def test_one_request_by_two_processes_at_once_is_loaded_once(found: Found) -> None:
    assert found["twice"] == {"error": "", "faults": []}


def test_mutant_whose_processes_do_not_wait_for_each_other_is_found(found: Found) -> None:
    assert "raw records" in found["hold_nothing"]["faults"]


@pytest.mark.parametrize(
    ("mutant", "wrong"),
    [
        ("forget_what_was_published", ["raw records", "dead letters"]),
        ("commit_in_two_steps", ["dead letters", "rows of the lake"]),
        ("forget_what_was_announced", ["closed sessions"]),
    ],
)
def test_mutant_is_found(mutant: str, wrong: list[str], found: Found) -> None:
    assert found[mutant] == {"killed": True, "error": "", "faults": wrong}
