"""What is counted as lost and as duplicated."""

from dataclasses import replace
from typing import Any

import pytest

from tests.evidence.effects import Effects, compare_effects
from tests.faults.findings import Content

EXPECTED = Content(
    decisions={"2001-03-01": "d1", "2001-03-02": "d2"},
    lengths={},
    orders=["o1", "o2"],
    accepted=["o1", "o2"],
    order_states={},
    fills=[{"order": "o1", "quantity": 5}],
    settlements=[{"session": "2001-03-02", "cash": "1.00"}],
    values=[],
    rows={},
)


def test_equal_contents_lost_and_duplicated_nothing() -> None:
    assert compare_effects(EXPECTED, EXPECTED, ["o1", "o2"]) == Effects(lost=0, duplicated=0)


@pytest.mark.parametrize(
    "change",
    [{"orders": ["o1"]}, {"accepted": ["o2"]}, {"fills": []}, {"settlements": []}, {"decisions": {"2001-03-01": "d1"}}],
    ids=str,
)
def test_missing_effect_is_lost(change: dict[str, Any]) -> None:
    assert compare_effects(replace(EXPECTED, **change), EXPECTED, ["o1", "o2"]) == Effects(lost=1, duplicated=0)


def test_order_missing_in_two_places_is_lost_once() -> None:
    found = replace(EXPECTED, orders=["o1"], accepted=["o1"])

    assert compare_effects(found, EXPECTED, ["o1"]) == Effects(lost=1, duplicated=0)


@pytest.mark.parametrize("change", [{"orders": ["o1", "o1", "o2"]}, {"fills": EXPECTED.fills * 2}], ids=str)
def test_effect_that_is_there_twice_is_duplicated(change: dict[str, Any]) -> None:
    assert compare_effects(replace(EXPECTED, **change), EXPECTED, ["o1", "o2"]) == Effects(lost=0, duplicated=1)


def test_order_sent_twice_is_duplicated_even_if_the_broker_took_it_once() -> None:
    assert compare_effects(EXPECTED, EXPECTED, ["o1", "o2", "o1"]) == Effects(lost=0, duplicated=1)


def test_changed_fill_is_one_lost_and_one_that_nobody_expected() -> None:
    found = replace(EXPECTED, fills=[{"order": "o1", "quantity": 6}])

    assert compare_effects(found, EXPECTED, ["o1", "o2"]) == Effects(lost=1, duplicated=1)
