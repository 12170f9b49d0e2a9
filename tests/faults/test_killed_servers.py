"""Killed while it answers events, a process loses and doubles nothing; nor do two at once."""

import json
import os
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
from tests.faults.kill_servers import PLACES, SKIPPING_PLACES

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """All cases, by a process of its own: children are forked from a parent that has opened nothing."""
    folder = Path(tempfile.mkdtemp(prefix="tradeops-servers-", dir=SCRATCH))
    try:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.faults.kill_servers", str(folder)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        yield json.loads((folder / "found.json").read_text())
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("place", [*PLACES, *SKIPPING_PLACES])
def test_killed_server_goes_on_and_loses_and_doubles_nothing(place: str, found: Found) -> None:
    assert found[place] == {"killed": True, "error": "", "faults": []}


def test_servers_at_once_lose_and_double_nothing(found: Found) -> None:
    assert found["at once"] == {"error": "", "faults": []}


def test_event_has_one_effect_although_the_time_of_decisions_was_changed_before_it_came_again(found: Found) -> None:
    case = found["policy changed"]
    # What is decided after it is decided at another time, of course.
    assert [fault for fault in case["faults"] if not fault.startswith("content")] == []
    assert (case["killed"], case["error"]) == (True, "")


def test_skipped_sessions_are_settled_and_closed_without_orders_and_the_book_replays(found: Found) -> None:
    assert found["skipped"] == {
        "outcomes": ["skipped", "skipped", "skipped", "decided"],
        "orders": [0, 0, 0, found["skipped"]["orders"][-1]],
        "settled": True,
        "closed": True,
        "replayed": True,
        "different": 0,
    }


def test_mutant_without_an_inbox_is_found(found: Found) -> None:
    assert any(fault.endswith("had no effect on record") for fault in found["no inbox"]["faults"])


def test_mutant_without_an_inbox_decides_a_session_twice_when_the_time_was_changed(found: Found) -> None:
    assert "decisions: a session is decided twice" in found["no inbox, policy changed"]["faults"]


def test_mutant_that_commits_the_offset_before_the_record_loses_events(found: Found) -> None:
    lost = [fault for fault in found["offset committed first"]["faults"] if fault.startswith("events")]
    assert len(lost) == 4
    assert found["offset committed first"]["killed"]
