"""Numbers as a person reads them."""

from decimal import Decimal

import pytest

from tradeops.learning.block_bootstrap import Estimate
from tradeops.services.report.formats import (
    NOTHING,
    write_count,
    write_money,
    write_number,
    write_percent,
    write_range,
    write_words,
)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (write_percent(0.0451, sign=True), "+4.5\u202f%"),
        (write_percent(-0.108), "\u221210.8\u202f%"),
        (write_percent(-0.0001), "0.0\u202f%"),
        (write_percent(None), NOTHING),
        (write_number(-0.13), "\u22120.13"),
        (write_number(None), NOTHING),
        (write_money(Decimal("29271.24"), sign=True), "+29,271\u202fUSD"),
        (write_money(Decimal("-0.004"), digits=2), "0.00\u202fUSD"),
        (write_money(None), NOTHING),
        (write_range(Estimate(value=0.1, low=-0.01, high=0.105)), "[\u22121.0, 10.5]"),
        (write_range(Estimate(value=0.1, low=-0.01, high=0.105), 2, percent=False), "[\u22120.01, 0.10]"),
        (write_range(None), ""),
        (write_count(3016), "3,016"),
        (write_words("no_signal"), "no signal"),
    ],
)
def test_numbers_have_units_signs_and_no_more_digits_than_asked(written: str, wanted: str) -> None:
    assert written == wanted
