"""Bytes to one JSON object, refusing what JSON readers usually let pass."""

import json
from typing import NoReturn

from tradeops.domain.errors import InvalidRecord

MOST_BYTES = 64 * 1024
REASONS = frozenset({"too_large", "invalid_utf8", "invalid_json", "not_an_object", "duplicate_key", "not_finite"})
"""Why bytes are no object at all; every other reason is about what the object says."""
_SHOWN = 60


def parse_object(data: bytes) -> dict[str, object]:
    """The object that the bytes are.

    Raises:
        InvalidRecord: Too large, no UTF-8, no JSON, no object, a key twice, or NaN or infinity; the
            context's `reason` is one of `REASONS`.
    """
    if len(data) > MOST_BYTES:
        raise refuse("too_large", f"the record has {len(data)} bytes; at most {MOST_BYTES} are read")
    try:
        found = json.loads(data.decode(), object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise refuse("invalid_utf8", f"byte {error.start} of the record is no UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise refuse("invalid_json", f"the record is no JSON: {show(str(error))}") from error
    if not isinstance(found, dict):
        raise refuse("not_an_object", f"the record is {show(found)}; a record is an object")
    return found


def refuse(reason: str, message: str, field: str = "") -> InvalidRecord:
    """The error for a record that cannot be used, with its machine-readable reason in front."""
    return InvalidRecord(f"{reason}: {message}", reason=reason, field=field)


def show(value: object) -> str:
    """A value for a message: ASCII and short, whatever it holds."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise refuse("duplicate_key", f"key {show(twice)} stands there twice", field=twice)
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise refuse("not_finite", f"the record holds {constant}; numbers are finite")
