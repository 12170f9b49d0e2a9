"""A process dies between the legs of a package, or while it takes them back; another one finishes it."""

from collections.abc import Callable

import pytest

from tests.faults.cases import Case, Verdict
from tests.faults.findings import Content

WHOLE = [Case("kill", "exit", place, "whole package") for place in ("after order 1", "before order 2")]
REJECTED = [
    Case("kill", "exit", place, "package with a rejected leg")
    for place in ("after order 2", "after order 3", "before cancel 1", "after cancel 1")
]
LOST = [Case("kill", "exit", place, "package with a lost leg") for place in ("after cancel 1", "after cancel 3")]
SYNC = [Case("kill", "sync", "after cancel 1", mutant) for mutant in (REJECTED[0].mutant, LOST[0].mutant)]
ZOMBIES = [Case("zombie", "exit", "before cancel 1", "package with a rejected leg")]
# Nobody planted a package into the run that is compared with.
ALLOWED = {f"content: {name} differ from an undisturbed run's" for name in Content.__dataclass_fields__}
FOUND = (
    (Case("kill", "exit", "after order 3", "cancel left out"), "stand alone"),
    (Case("kill", "exit", "before cancel 1", "compensation from memory"), "stand alone"),
)
Judge = Callable[[Case], Verdict]


@pytest.mark.parametrize("case", WHOLE + REJECTED + LOST + SYNC, ids=str)
def test_a_package_is_finished_by_the_heir_and_no_leg_stands_alone(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck, f"nothing was killed: {verdict.ended}"
    assert set(verdict.faults) <= ALLOWED
    assert verdict.ended == ["signal 9", "well"]


@pytest.mark.parametrize("case", ZOMBIES, ids=str)
def test_process_that_lost_its_claim_while_it_took_legs_back_changes_nothing(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck, f"nothing stood still: {verdict.ended}"
    assert set(verdict.faults) <= ALLOWED
    assert verdict.ended == ["StaleEpoch", "well"]


@pytest.mark.parametrize(("case", "words"), FOUND, ids=[case.mutant for case, _ in FOUND])
def test_mistake_is_found(case: Case, words: str, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck
    assert any(words in fault for fault in verdict.faults), verdict
