"""Reads options as a person writes them: one row of words, each named."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from tradeops.domain.errors import InvalidPricingInput
from tradeops.domain.options import ExerciseStyle, OptionKind, PricingModel
from tradeops.pricing.day_counts import DayCount, count_years

REQUIRED = ("kind", "spot", "strike")
TIMES = ("years", "expiry", "on", "day_count")
OPTIONAL = ("style", "model", *TIMES, "rate", "dividend_yield", "volatility", "price")
FIELDS = (*REQUIRED, *OPTIONAL)

WordT = TypeVar("WordT", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRequest:
    """One option to be priced, by its volatility or by what is paid for it; numbers not yet checked by a kernel.

    Args:
        kind: Call or put.
        style: European or American.
        model: How it is priced.
        spot: USD a share.
        strike: USD a share.
        years: To expiry.
        rate: Fraction a year, continuously compounded.
        dividend_yield: As rate.
        volatility: Fraction a year; nothing where `price` is given.
        price: USD a share; nothing where `volatility` is given.
    """

    kind: OptionKind
    style: ExerciseStyle
    model: PricingModel
    spot: float
    strike: float
    years: float
    rate: float
    dividend_yield: float
    volatility: float | None
    price: float | None


def read_option_row(row: Mapping[str, str]) -> OptionRequest:
    """Read one row.

    Args:
        row: Words by the names of `FIELDS`; an empty word is as good as none. `kind`, `spot`, `strike`, either
            `years` or `expiry` with `on` (and `day_count`, else act/365f), and either `volatility` or `price` are
            needed; `style` is european, `model` closed-form and the rates are 0 where nothing is said.
            Other names are ignored.

    Raises:
        InvalidPricingInput: Something is missing, said twice, or no number; the context names the `field`.
    """
    words = {name: row[name].strip() for name in FIELDS if row.get(name, "").strip()}
    for name in REQUIRED:
        if name not in words:
            raise _refuse(name, "is missing; give it")
    return OptionRequest(
        kind=_read_word(OptionKind, words, "kind", OptionKind.CALL),
        style=_read_word(ExerciseStyle, words, "style", ExerciseStyle.EUROPEAN),
        model=_read_word(PricingModel, words, "model", PricingModel.CLOSED_FORM),
        spot=_read_number(words, "spot"),
        strike=_read_number(words, "strike"),
        years=_read_years(words),
        rate=_read_number({"rate": "0", **words}, "rate"),
        dividend_yield=_read_number({"dividend_yield": "0", **words}, "dividend_yield"),
        **_read_choice(words),
    )


def _read_choice(words: Mapping[str, str]) -> dict[str, float | None]:
    given = [name for name in ("volatility", "price") if name in words]
    if len(given) != 1:
        what = "are both given" if given else "is missing, and price too"
        raise _refuse("volatility", f"{what}; give the volatility, or the price to imply it from")
    return {"volatility": None, "price": None, given[0]: _read_number(words, given[0])}


def _read_years(words: Mapping[str, str]) -> float:
    if ("years" in words) == ("expiry" in words):
        what = "and expiry are both given" if "years" in words else "is missing, and expiry too"
        raise _refuse("years", f"{what}; give years, or expiry and on")
    if "years" in words:
        return _read_number(words, "years")
    if "on" not in words:
        raise _refuse("on", "is missing; say on which date the option is priced")
    convention = _read_word(DayCount, words, "day_count", DayCount.ACT_365_FIXED)
    first, last = _read_date(words, "on"), _read_date(words, "expiry")
    if last < first:
        raise _refuse("expiry", f"{last} is before {first}, the date of pricing; leave the option out")
    return count_years(first, last, convention)


def _read_number(words: Mapping[str, str], name: str) -> float:
    text = words[name]
    try:
        if "_" in text:
            raise ValueError(text)
        return float(text)
    except ValueError as error:
        raise _refuse(name, f"{text!r} is no number; write it as 101.5") from error


def _read_date(words: Mapping[str, str], name: str) -> date:
    try:
        return date.fromisoformat(words[name])
    except ValueError as error:
        raise _refuse(name, f"{words[name]!r} is no date; write it as 2026-06-19") from error


def _read_word(kind: type[WordT], words: Mapping[str, str], name: str, otherwise: WordT) -> WordT:
    text = words.get(name, otherwise.value)
    try:
        return kind(text.lower())
    except ValueError as error:
        raise _refuse(name, f"{text!r} is none of {', '.join(kind)}; use one of them") from error


def _refuse(name: str, what: str) -> InvalidPricingInput:
    return InvalidPricingInput(f"{name} {what}", field=name)
