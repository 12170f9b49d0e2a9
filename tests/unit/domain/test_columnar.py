"""Stored columns: golden bytes, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tradeops.domain.columnar import MAGIC, decode_columns, encode_columns
from tradeops.domain.errors import CorruptInput

ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
COLUMNS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), ARRAYS, max_size=4)


def test_golden_bytes() -> None:
    written = encode_columns({"kind": "view"}, {"b": np.array([[1.0, -2.0]]), "a": np.array([np.nan])})
    header = b'tradeops-columns/1\n{"columns":{"a":[1],"b":[1,2]},"kind":"view"}\n'
    body = bytes.fromhex("000000000000f87f000000000000f03f00000000000000c0")
    assert written == header + body


@given(COLUMNS)
def test_columns_come_back_bit_for_bit(columns: dict[str, np.ndarray]) -> None:
    header, found = decode_columns(encode_columns({"kind": "test"}, columns))
    assert header == {"kind": "test"}
    assert found.keys() == columns.keys()
    for name, column in columns.items():
        assert found[name].shape == column.shape
        assert found[name].tobytes() == column.tobytes()


@given(COLUMNS)
def test_memory_layout_is_no_matter(columns: dict[str, np.ndarray]) -> None:
    other = {name: np.asfortranarray(column).astype(">f8") for name, column in reversed(columns.items())}
    assert encode_columns({}, other) == encode_columns({}, columns)


def test_what_is_read_cannot_be_changed() -> None:
    _, found = decode_columns(encode_columns({}, {"a": np.zeros(3)}))
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0] = 1.0


GOOD = encode_columns({"kind": "test"}, {"a": np.arange(4.0), "b": np.zeros((2, 2))})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[1:],
        GOOD[:-1],
        GOOD[:-8],
        GOOD + b"\0",
        MAGIC,
        MAGIC + b"{}\n",
        MAGIC + b'{"columns":[]}\n',
        MAGIC + b"not json\n",
        MAGIC + b'{"columns":{"a":[-1]}}\n',
        MAGIC + b'{"columns":{"a":["x"]}}\n',
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptInput):
        decode_columns(data)
