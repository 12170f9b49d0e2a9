"""Types of fields: everything but counters of our own is text, in one spelling."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")

# What decimal128(20, 8) of the lake holds.
DECIMAL = r"^-?[0-9]{1,12}(\.[0-9]{1,8})?$"
WHOLE = r"^-?[0-9]{1,18}$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
UTC_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
NAME = r"^[!-~]{1,64}$"
ADDRESS = r"^[ -~]{1,200}$"


class WireModel(BaseModel):
    """No unknown field, no conversion between types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _text(
    pattern: str, reason: str, wanted: str, convert: Callable[[str], T]
) -> tuple[BeforeValidator, WithJsonSchema]:
    matches = re.compile(pattern, re.ASCII).fullmatch

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise complain("wrong_type", f"must be text, not {type(value).__name__}")
        if not matches(value):
            raise complain(reason, f"must be {wanted}")
        try:
            return convert(value)
        except ValueError as error:
            raise complain(reason, f"must be {wanted}: {error}") from error

    return BeforeValidator(read), WithJsonSchema({"type": "string", "pattern": pattern, "description": wanted})


def complain(reason: str, message: str) -> PydanticCustomError:
    """A validation error whose type is the reason that the record is refused for."""
    return PydanticCustomError(reason, "{detail}", {"detail": message})


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def _same(text: str) -> str:
    return text


_decimal = _text(
    DECIMAL, "malformed_number", "a decimal like 10.25, at most 12 digits before the point and 8 after", Decimal
)
_whole = _text(WHOLE, "malformed_number", "a whole number of at most 18 digits", int)
_date = _text(DATE, "malformed_date", "a date like 2001-03-01", date.fromisoformat)
_time = _text(UTC_TIME, "malformed_time", "a time in UTC like 2001-03-01T21:00:00.000000Z", _read_time)
_name = _text(NAME, "malformed_text", "1 to 64 printable ASCII characters without space", _same)
_address = _text(ADDRESS, "malformed_text", "1 to 200 printable ASCII characters", _same)

DecimalText = Annotated[Decimal, *_decimal]
WholeText = Annotated[int, *_whole]
DateText = Annotated[date, *_date]
TimeText = Annotated[datetime, *_time]
NameText = Annotated[str, *_name]
AddressText = Annotated[str, *_address]
