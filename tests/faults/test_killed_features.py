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
    ("mutant", "wrong", "error"),
    [
        ("forget the store behind", ["online"], ""),
        # Rows that are there twice are refused by whoever reads them, so the online store stays behind too.
        ("append without asking", ["height", "rows", "online"], "ascending and unique"),
    ],
)
def test_mutant_is_found(mutant: str, wrong: list[str], error: str, found: Found) -> None:
    seen = found[mutant]

    assert (seen["killed"], seen["faults"]) == (True, wrong)
    assert error in seen["error"] if error else not seen["error"]
