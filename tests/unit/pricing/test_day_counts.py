"""Day counts against QuantLib."""

from datetime import date, timedelta

import pytest
import QuantLib as ql
from hypothesis import example, given
from hypothesis import strategies as st

from tradeops.domain.errors import InvalidPricingInput
from tradeops.pricing.day_counts import DayCount, count_years

PEERS = {
    DayCount.ACT_365_FIXED: ql.Actual365Fixed(),
    DayCount.ACT_360: ql.Actual360(),
    DayCount.THIRTY_360_BOND: ql.Thirty360(ql.Thirty360.BondBasis),
    DayCount.ACT_ACT_ISDA: ql.ActualActual(ql.ActualActual.ISDA),
}


def ask(convention: DayCount, first: date, last: date) -> float:
    days = (ql.Date(day.day, day.month, day.year) for day in (first, last))
    return float(PEERS[convention].yearFraction(*days))


@given(st.sampled_from(DayCount), st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(0, 15_000))
@example(DayCount.THIRTY_360_BOND, date(2024, 1, 31), 29)
@example(DayCount.THIRTY_360_BOND, date(2024, 1, 30), 1)
@example(DayCount.THIRTY_360_BOND, date(2023, 2, 28), 31)
@example(DayCount.ACT_ACT_ISDA, date(2023, 12, 31), 366)
def test_years_equal_quantlibs(convention: DayCount, first: date, days: int) -> None:
    last = first + timedelta(days=days)
    assert count_years(first, last, convention) == pytest.approx(ask(convention, first, last), rel=1e-14, abs=1e-15)


def test_mutant_one_convention_for_another_is_found() -> None:
    first, last = date(2023, 11, 30), date(2024, 5, 31)
    found = [count_years(first, last, convention) for convention in DayCount]
    assert len(set(found)) == len(DayCount)


def test_dates_the_wrong_way_round_and_unknown_conventions_are_refused() -> None:
    with pytest.raises(InvalidPricingInput, match="earlier date first"):
        count_years(date(2024, 1, 2), date(2024, 1, 1), DayCount.ACT_360)
    with pytest.raises(InvalidPricingInput, match="use one of act/365f"):
        count_years(date(2024, 1, 1), date(2024, 1, 2), "act/364")  # type: ignore[arg-type]
