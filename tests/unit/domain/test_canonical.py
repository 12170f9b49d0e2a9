"""Canonical bytes: pinned, and equal for equal values only."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.domain import canonical
from tradeops.domain.canonical import decimal_text, encode_canonical, to_plain
from tradeops.domain.errors import DataError


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Weight(Enum):
    LIGHT = Decimal("1.50")


@dataclass(frozen=True, slots=True)
class Point:
    y: float
    x: Decimal
    labels: tuple[str, ...] = ()


NEW_YORK_SUMMER = timezone(timedelta(hours=-4))

# Written by hand from the rule: these bytes may never change, or every hash in every ledger does.
GOLDEN: list[tuple[object, str]] = [
    (None, "null"),
    (True, "true"),
    (0, "0"),
    (-7, "-7"),
    (10**20, "100000000000000000000"),
    ('é\u2028\n"\\\x00', '"é\u2028\\n\\"\\\\\\u0000"'),
    (0.1 + 0.2, "0.30000000000000004"),
    (1.0, "1.0"),
    (-0.0, "-0.0"),
    (1e22, "1e+22"),
    (5e-324, "5e-324"),
    (1e-7, "1e-07"),
    (Decimal("123456789012.12345678"), '"123456789012.12345678"'),
    (Decimal("1.500"), '"1.5"'),
    (Decimal("100"), '"100"'),
    (Decimal("1E+3"), '"1000"'),
    (Decimal("1E-8"), '"0.00000001"'),
    (Decimal("-0.00"), '"0"'),
    (Decimal("0E+5"), '"0"'),
    (Decimal("-2.10"), '"-2.1"'),
    (date(2005, 2, 28), '"2005-02-28"'),
    (datetime(2005, 2, 28, 21, 30, tzinfo=UTC), '"2005-02-28T21:30:00.000000Z"'),
    (datetime(2005, 7, 1, 16, 0, 0, 1, tzinfo=NEW_YORK_SUMMER), '"2005-07-01T20:00:00.000001Z"'),
    (Colour.RED, '"red"'),
    (Level.HIGH, "3"),
    (Weight.LIGHT, '"1.5"'),
    ([], "[]"),
    ((1, [2.0, "3"]), '[1,[2.0,"3"]]'),
    ({"b": 1, "a": None, "B": True}, '{"B":true,"a":null,"b":1}'),
    ({Colour.RED: 1, date(2005, 2, 28): 2}, '{"2005-02-28":2,"red":1}'),
    (MappingProxyType({"k": Decimal("0.10")}), '{"k":"0.1"}'),
    (Point(y=2.5, x=Decimal("3.0"), labels=("p",)), '{"labels":["p"],"x":"3","y":2.5}'),
]


@pytest.mark.parametrize(("value", "text"), GOLDEN)
def test_golden_bytes(value: object, text: str) -> None:
    assert encode_canonical(value) == text.encode()


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        Decimal("Infinity"),
        datetime(2005, 2, 28),  # noqa: DTZ001
        {1: "numbers are no keys"},
        {"sets": {1, 2}},
        b"bytes",
        object(),
        Point,
        [1, [math.nan]],
    ],
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(DataError):
        encode_canonical(value)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
)


@given(TREES)
def test_reading_and_writing_again_gives_the_same_bytes(value: object) -> None:
    written = encode_canonical(value)
    assert encode_canonical(json.loads(written)) == written


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), SCALARS), st.randoms())
def test_the_order_of_keys_is_no_matter(mapping: dict[str, object], random: object) -> None:
    names = list(mapping)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert encode_canonical({name: mapping[name] for name in names}) == encode_canonical(mapping)


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20)


@given(DECIMALS)
def test_a_decimal_keeps_its_value(value: Decimal) -> None:
    text = decimal_text(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()


@given(DECIMALS, st.integers(0, 6))
def test_equal_decimals_read_alike(value: Decimal, zeros: int) -> None:
    digits = max(0, -int(value.as_tuple().exponent))
    padded = Decimal(f"{value:.{digits + zeros}f}")
    assert padded == value
    assert decimal_text(padded) == decimal_text(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_bit_for_bit(value: float) -> None:
    assert math.copysign(1, json.loads(encode_canonical(value))) == math.copysign(1, value)
    assert json.loads(encode_canonical(value)) == value


@given(st.datetimes(timezones=st.timezones()))
def test_one_moment_has_one_text(moment: datetime) -> None:
    assert encode_canonical(moment) == encode_canonical(moment.astimezone(UTC))


def test_to_plain_holds_json_types_only() -> None:
    assert to_plain({"p": Point(y=1.0, x=Decimal(2))}) == {"p": {"y": 1.0, "x": "2", "labels": []}}


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("decimal_text", str),
        ("_utc_text", lambda moment: moment.isoformat()),
        ("_finite", lambda value: round(value, 12)),
    ],
)
def test_mutants_are_found_by_the_golden_bytes(name: str, broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, name, broken)
    with pytest.raises(AssertionError):
        for value, text in GOLDEN:
            test_golden_bytes(value, text)
