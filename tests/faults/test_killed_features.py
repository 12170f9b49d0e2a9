"""Killed while it builds features, a process leaves what the next one completes, in the lake and online."""

from collections.abc import Iterator

import pytest

from tests.faults.kill_features import PLACES
from tests.faults.kill_jobs import Found, run_program


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    yield run_program("tests.faults.kill_features")


@pytest.mark.parametrize("place", PLACES)
def test_killed_build_is_completed_and_no_row_is_there_twice(place: str, found: Found) -> None:
    assert found[place] == {"killed": True, "error": "", "faults": []}


def test_undisturbed_build_passes_every_place(found: Found) -> None:
    assert set(PLACES) - found["places"].keys() == set()


@pytest.mark.parametrize(
    ("mutant", "wrong"),
    [("forget the store behind", ["online"]), ("append without asking", ["height", "rows"])],
)
def test_mutant_is_found(mutant: str, wrong: list[str], found: Found) -> None:
    assert found[mutant] == {"killed": True, "error": "", "faults": wrong}
