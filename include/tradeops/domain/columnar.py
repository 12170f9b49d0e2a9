"""The stored form of columns: one canonical header line, then little-endian float64 in C order."""

import json
from collections.abc import Mapping
from typing import cast

import numpy as np

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import CorruptInput
from tradeops.domain.market import FloatArray

MAGIC = b"tradeops-columns/1\n"


def encode_columns(header: Mapping[str, object], columns: Mapping[str, FloatArray]) -> bytes:
    """Bytes of named arrays with a header; equal contents give equal bytes.

    Args:
        header: JSON-like description, without the key `columns`.
        columns: Arrays by name, float64, any shape; NaN is kept.
    """
    names = sorted(columns)
    shapes = {name: list(columns[name].shape) for name in names}
    head = encode_canonical({**header, "columns": shapes})
    body = b"".join(np.ascontiguousarray(columns[name], dtype="<f8").tobytes() for name in names)
    return b"".join((MAGIC, head, b"\n", body))


def decode_columns(data: bytes) -> tuple[dict[str, object], dict[str, FloatArray]]:
    """Header and read-only arrays of what `encode_columns` wrote.

    Raises:
        CorruptInput: The bytes are no such value.
    """
    if not data.startswith(MAGIC):
        raise CorruptInput("stored value does not begin as columns do")
    try:
        head, body = data[len(MAGIC) :].split(b"\n", 1)
        header: dict[str, object] = json.loads(head)
        columns, length = _read_body(body, cast("dict[str, list[int]]", header.pop("columns")))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptInput(f"stored value breaks the form of columns: {error}") from error
    if length != len(body):
        raise CorruptInput("stored value is longer than its header says")
    return header, columns


def _read_body(body: bytes, shapes: Mapping[str, list[int]]) -> tuple[dict[str, FloatArray], int]:
    columns: dict[str, FloatArray] = {}
    offset = 0
    for name in sorted(shapes.keys()):
        count = int(np.prod(shapes[name], dtype=np.int64))
        flat = np.frombuffer(body, dtype="<f8", count=count, offset=offset)
        columns[name] = flat.reshape(shapes[name])
        offset += 8 * count
    return columns, offset
