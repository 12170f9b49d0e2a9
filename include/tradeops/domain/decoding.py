"""Reading back what `encode_canonical` wrote."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from tradeops.domain.errors import CorruptInput

T = TypeVar("T")


def decode_canonical(kind: type[T], data: bytes | str) -> T:
    """A domain value from its canonical bytes; its invariants are checked again.

    Raises:
        CorruptInput: The bytes are no such value.
    """
    try:
        return cast("T", _adapter(cast("Hashable", kind)).validate_json(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        name = getattr(kind, "__name__", str(kind))
        raise CorruptInput(f"stored bytes are no {name}: {place}: {first['msg']}") from error


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("Any", kind))
