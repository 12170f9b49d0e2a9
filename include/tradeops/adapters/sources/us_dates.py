"""Dates as the files of `arch` write them."""

from datetime import date


def parse_us_date(text: str) -> date:
    """A date like 1/4/1999: month, day, year."""
    month, day, year = text.split("/")
    return date(int(year), int(month), int(day))
