"""The one way to write a value as bytes: what is hashed is written here and nowhere else."""

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import MappingProxyType

from tradeops.domain.errors import DataError

# Metadata of a field that came later: without a value it is not written, so that old values keep their bytes.
WRITTEN_WHEN_GIVEN = MappingProxyType({"written_when_given": True})

_PLAIN = frozenset((str, int, bool, type(None)))  # exactly these: their subclasses may be enumerations


def encode_canonical(value: object) -> bytes:
    """Canonical UTF-8 JSON of a value.

    Keys sorted, no white space, decimals as plain strings, floats by ``repr``, times in UTC with
    microseconds and ``Z``, dates in ISO form, dataclasses by field (one marked `WRITTEN_WHEN_GIVEN`
    unless it is None), sequences as lists.

    Args:
        value: Mappings, sequences, dataclasses and scalars, nested.

    Raises:
        DataError: NaN, infinity, a naive time, or a type that has no canonical form.
    """
    plain = to_plain(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_plain(value: object) -> object:
    """The JSON-like form that `encode_canonical` writes."""
    if type(value) in _PLAIN or (isinstance(value, int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, date):
        return _utc_text(value) if isinstance(value, datetime) else value.isoformat()
    return _container(value)


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros, so that equal values read alike."""
    if not value.is_finite():
        raise DataError(f"{value} has no canonical form; decimals must be finite", value=value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _container(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {name: to_plain(getattr(value, name)) for name in _list_fields(type(value))}
        for name in _list_later_fields(type(value)):
            if plain[name] is None:
                del plain[name]
        return plain
    if isinstance(value, Mapping):
        return {_key(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        # Columns name thousands of instruments; plain text is its own plain form.
        return [item if type(item) is str else to_plain(item) for item in value]
    raise DataError(f"{type(value).__name__} has no canonical form", type=type(value).__name__)


@cache
def _list_fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _list_later_fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if "written_when_given" in field.metadata)


def _key(key: object) -> str:
    if type(key) is str:
        return key
    plain = to_plain(key)
    if not isinstance(plain, str):
        raise DataError(f"key {key!r} is not text; canonical objects have text keys", key=key)
    return plain


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise DataError(f"{value} has no canonical form; floats must be finite", value=value)
    return float(value)


def _utc_text(value: datetime) -> str:
    if value.tzinfo is None:
        raise DataError(f"{value} has no time zone; times are aware UTC", value=value)
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
