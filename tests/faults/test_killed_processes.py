"""A process dies by SIGKILL at one place; another one runs everything again."""

from collections.abc import Callable
from typing import Literal

import pytest

from tests.faults.cases import Case, Verdict
from tests.faults.conftest import Answers
from tests.faults.fail_points import STAGED, list_fail_points

DURABILITIES: tuple[Literal["exit", "sync"], ...] = ("exit", "sync")
KILLS = [Case("kill", durability, place) for durability in DURABILITIES for place in list_fail_points(durability)]
STAGED_KILLS = [Case("kill", durability, place, book="staged") for durability in DURABILITIES for place in STAGED]
Judge = Callable[[Case], Verdict]


@pytest.mark.parametrize("case", KILLS + STAGED_KILLS, ids=str)
def test_every_order_is_sent_once_after_its_record_and_the_ledger_is_as_undisturbed(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck, f"nothing was killed: {verdict.ended}"
    assert verdict.faults == []
    assert verdict.ended == ["signal 9", "well"]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_undisturbed_run_passes_every_fail_point_and_no_other_place_of_writing(
    durability: str, answers: Answers
) -> None:
    declared = set(list_fail_points(durability))
    # Orders, files and checkpoints are numbered on and on; the first ones are declared.
    passed = answers.reached[f"{durability} live"]
    reached = {place for place in passed if not place[-1].isdigit() or "/" in place}

    assert declared - passed.keys() == set()
    assert reached - declared == set()


@pytest.mark.parametrize("durability", DURABILITIES)
def test_staged_book_passes_every_fail_point_of_its_own(durability: str, answers: Answers) -> None:
    assert set(STAGED) - answers.reached[f"{durability} staged"].keys() == set()


def test_fail_points_are_more_than_thirty_and_distinct() -> None:
    for durability in DURABILITIES:
        places = list_fail_points(durability)
        assert len(set(places)) == len(places) >= 60
