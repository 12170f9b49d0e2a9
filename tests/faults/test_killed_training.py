"""Killed while it trains, a process leaves what the next one completes: one version, one entry, one account."""

from collections.abc import Iterator

import pytest

from tests.faults.kill_jobs import Found, run_program
from tests.faults.kill_training import PLACES


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    yield run_program("tests.faults.kill_training")


@pytest.mark.parametrize("place", PLACES)
def test_killed_training_is_completed_and_nothing_is_there_twice(place: str, found: Found) -> None:
    assert found[place] == {"killed": True, "error": "", "faults": []}


def test_undisturbed_training_passes_every_place(found: Found) -> None:
    assert set(PLACES) - found["places"].keys() == set()


def test_mutant_that_takes_a_repeated_training_for_another_one_is_found(found: Found) -> None:
    mutant = found["name by process"]

    assert mutant["killed"] and not mutant["error"]
    assert {"versions", "runs"} <= set(mutant["faults"])
