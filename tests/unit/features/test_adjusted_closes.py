"""Splits and dividends out of adjusted closes, and what a later event does not change."""

from datetime import date
from decimal import Decimal

import pytest

from tests.fakes.trading_calendar import business_days
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.features.adjusted_closes import derive_actions

DAYS = business_days(date(2001, 3, 1), 5)
X = InstrumentId("X")


def derive(closes: str, factors: str) -> tuple[CorporateAction, ...]:
    prices = [Decimal(text) for text in closes.split()]
    adjusted = [price * Decimal(text) for price, text in zip(prices, factors.split(), strict=True)]
    return derive_actions(X, DAYS[: len(prices)], prices, adjusted)


def test_a_jump_of_the_factor_is_a_split_and_a_step_a_dividend() -> None:
    assert derive("100 51 50 50.25", "0.4 0.8 0.808 0.808") == (
        CorporateAction(instrument=X, session=DAYS[1], ratio=Decimal(2)),
        CorporateAction(instrument=X, session=DAYS[2], dividend=Decimal("0.50")),
    )


@pytest.mark.parametrize("scale", ["1", "0.5", "0.0321"])
def test_the_level_of_the_adjusted_close_says_nothing(scale: str) -> None:
    factors = [str(Decimal(text) * Decimal(scale)) for text in ("0.4", "0.8", "0.808", "0.808")]
    assert derive("100 51 50 50.25", " ".join(factors)) == derive("100 51 50 50.25", "0.4 0.8 0.808 0.808")


def test_noise_and_falls_of_the_factor_are_no_events() -> None:
    assert derive("10 11 12 9", "1 1.0000005 1.0000001 0.9") == ()


def test_a_three_for_one_split_and_the_smallest_one() -> None:
    assert [action.ratio for action in derive("90 30 15", "1 3 5.75")] == [3, 2]
    assert [action.ratio for action in derive("90 60", "1 1.5")] == [1]  # read as a dividend: documented
