"""What a hundred cycles at once come to, without running them: tests/integration runs them."""

from typing import Any

import pytest

from tests.evidence.concurrent_cycles import CYCLES, describe, describe_told, find_failures
from tests.integration.concurrent_cycles import Told


def make_part(**changes: Any) -> dict[str, Any]:
    told = describe_told(Told({f"universe{n:03d}": n / 1000 for n in range(CYCLES)}), CYCLES)
    return {"cycles": CYCLES, "processes": 4, "serial": told, "at_once": told, "different": [], **changes}


def test_equal_and_complete_cycles_are_no_failure() -> None:
    assert find_failures([make_part()]) == []
    assert describe([make_part()])["at_once"] == {"completed": 100, "p50_ms": 50.0, "p95_ms": 95.0}


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"different": ["universe007"]}, "the record of universe007 differs from the serial run's"),
        ({"at_once": {"completed": 99, "errors": [], "ms": [1.0]}}, "at_once: only 99 of 100 cycles are complete"),
        ({"at_once": {"completed": 100, "errors": ["universe007: StaleEpoch"], "ms": [1.0]}}, "at_once: universe007"),
        ({"cycles": 99, "serial": {"completed": 99, "errors": [], "ms": []}}, "only 99 cycles"),
    ],
    ids=str,
)
def test_mutant_of_any_cycle_is_a_failure(changes: dict[str, Any], failure: str) -> None:
    found = find_failures([make_part(**changes)])

    assert any(each.startswith(failure) for each in found)
