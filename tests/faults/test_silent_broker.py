"""A broker that takes orders and whose answers are lost: nothing is sent again, nothing is lost."""

from collections.abc import Callable

import pytest

from tests.faults.cases import Case, Verdict
from tests.faults.test_killed_processes import DURABILITIES

PLACES = ("after ledger record_order_changes", "before order 2", "before ledger close_cycle")
SILENT = [Case("kill", durability, place, "broker falls silent") for durability in DURABILITIES for place in PLACES]
# An order without an answer is unknown for a while: one state more, which later watermarks count.
# Orders, fills and settlements must be the same.
COUNTED = ("order_states", "lengths", "rows", "decisions", "values")
ALLOWED = {f"content: {name} differ from an undisturbed run's" for name in COUNTED}


@pytest.mark.parametrize("case", SILENT, ids=str)
def test_orders_without_an_answer_are_filled_once_and_never_sent_again(
    case: Case, judge: Callable[[Case], Verdict]
) -> None:
    verdict = judge(case)

    assert set(verdict.faults) <= ALLOWED
    assert verdict.ended == ["signal 9", "well"]
