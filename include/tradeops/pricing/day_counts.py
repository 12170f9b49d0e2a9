"""Years between two dates by the conventions of ISDA's 2006 definitions, §4.16."""

from calendar import isleap
from collections.abc import Callable
from datetime import date
from enum import StrEnum, unique
from typing import Final

from tradeops.domain.errors import InvalidPricingInput


@unique
class DayCount(StrEnum):
    """How days become years."""

    ACT_365_FIXED = "act/365f"
    ACT_360 = "act/360"
    THIRTY_360_BOND = "30/360"
    ACT_ACT_ISDA = "act/act-isda"


def count_years(first: date, last: date, convention: DayCount) -> float:
    """Years from `first` (in) to `last` (out), ≥ 0.

    Args:
        first: Usually today.
        last: Usually the expiry.
        convention: `30/360` is the bond basis; `act/act-isda` counts the days of each calendar year by its length.

    Raises:
        InvalidPricingInput: `last` is before `first`, or there is no such convention.
    """
    if last < first:
        raise InvalidPricingInput(f"{last} is before {first}: give the earlier date first", first=first, last=last)
    try:
        count = _COUNTS[DayCount(convention)]
    except ValueError as error:
        known = ", ".join(DayCount)
        raise InvalidPricingInput(f"no day count {convention!r}: use one of {known}", convention=convention) from error
    return count(first, last)


def _count_365(first: date, last: date) -> float:
    return (last - first).days / 365.0


def _count_360(first: date, last: date) -> float:
    return (last - first).days / 360.0


def _count_bond_basis(first: date, last: date) -> float:
    first_day = min(first.day, 30)
    last_day = 30 if last.day == 31 and first_day == 30 else last.day  # noqa: PLR2004 - the convention's own numbers
    months = 12 * (last.year - first.year) + last.month - first.month
    return (30 * months + last_day - first_day) / 360.0


def _count_by_calendar_year(first: date, last: date) -> float:
    if first.year == last.year:
        return (last - first).days / _days_of(first.year)
    opening = (date(first.year + 1, 1, 1) - first).days / _days_of(first.year)
    closing = (last - date(last.year, 1, 1)).days / _days_of(last.year)
    return opening + (last.year - first.year - 1) + closing


def _days_of(year: int) -> int:
    return 366 if isleap(year) else 365


_COUNTS: Final[dict[DayCount, Callable[[date, date], float]]] = {
    DayCount.ACT_365_FIXED: _count_365,
    DayCount.ACT_360: _count_360,
    DayCount.THIRTY_360_BOND: _count_bond_basis,
    DayCount.ACT_ACT_ISDA: _count_by_calendar_year,
}
