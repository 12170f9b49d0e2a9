"""Two processes run the same cycles: at once, or one after the other stood still for too long."""

from collections.abc import Callable

import pytest

from tests.evidence.effects import Effects
from tests.faults.cases import Case, Verdict
from tests.faults.test_killed_processes import DURABILITIES

STANDSTILLS = (
    "after ledger claim_cycle",
    "before node blend_opinions",
    "before ledger record_decision",
    "after ledger record_decision",
    "before order 1",
    "after order 1",
    "before ledger record_order_changes",
    "before ledger close_cycle",
)
ROUNDS = 6
PAIRS = [Case("pair", durability, number=number) for durability in DURABILITIES for number in range(1, ROUNDS + 1)]
INSISTENT = [
    Case("insist", durability, number=number) for durability in DURABILITIES for number in range(1, ROUNDS + 1)
]
ZOMBIES = [Case("zombie", durability, place) for durability in DURABILITIES for place in STANDSTILLS]
OVERTAKEN = [Case("overtake", durability, "before ledger record_decision") for durability in DURABILITIES]
HELD = [Case("hold", durability, "before ledger record_decision") for durability in DURABILITIES]
Judge = Callable[[Case], Verdict]


@pytest.mark.parametrize("case", PAIRS, ids=str)
def test_two_processes_at_once_send_every_order_once_and_one_of_them_wins(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.faults == []
    assert "well" in verdict.ended


@pytest.mark.parametrize("case", INSISTENT, ids=str)
def test_two_processes_that_try_again_while_a_cycle_is_held_both_end_well(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.faults == []
    assert verdict.ended == ["well", "well"]


@pytest.mark.parametrize("case", ZOMBIES, ids=str)
def test_process_that_lost_its_claim_while_it_stood_still_writes_no_more(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck, f"nothing stood still: {verdict.ended}"
    assert verdict.faults == []
    assert verdict.ended == ["StaleEpoch", "well"]


@pytest.mark.parametrize("case", OVERTAKEN, ids=str)
def test_process_that_lost_its_claim_sends_nothing_while_its_heir_is_about_to(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck, f"nothing stood still: {verdict.ended}"
    assert (verdict.faults, verdict.effects) == ([], Effects())
    assert verdict.ended == ["StaleEpoch", "well"]


@pytest.mark.parametrize("case", HELD, ids=str)
def test_process_whose_claim_lives_keeps_its_cycle_while_it_stands_still(case: Case, judge: Judge) -> None:
    verdict = judge(case)

    assert verdict.struck, f"nothing stood still: {verdict.ended}"
    assert (verdict.faults, verdict.effects) == ([], Effects())
    assert verdict.ended == ["well", "CycleHeld"]
