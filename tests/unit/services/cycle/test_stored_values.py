"""A view comes back bit for bit with its features, and one that was stored before there were any without."""

from string import ascii_lowercase, digits

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.unit.examples import build_view, random_closes
from tradeops.domain.columnar import decode_columns, encode_columns
from tradeops.domain.errors import CorruptInput
from tradeops.domain.market import FloatArray, MarketView
from tradeops.services.cycle.stored_values import decode_opinions, decode_view, encode_view

CLOSES = random_closes(3, 7, 3)
FEATURES = st.dictionaries(
    st.text(f"{ascii_lowercase}{digits}_", min_size=1, max_size=8), arrays(np.float64, (3,)), max_size=4
)


def bytes_of(view: MarketView) -> dict[str, bytes]:
    return {name: values.tobytes() for part in (view.columns, view.features) for name, values in part.items()}


@given(FEATURES)
def test_view_is_read_back_bit_for_bit(features: dict[str, FloatArray]) -> None:
    view = build_view(CLOSES, features=features)
    read = decode_view(encode_view(view))

    assert read.features.keys() == features.keys()
    assert bytes_of(read) == bytes_of(view)
    assert read.watermark == view.watermark
    assert read.reference_prices == view.reference_prices
    assert encode_view(read) == encode_view(view)


def test_feature_with_the_name_of_a_column_is_kept_apart_from_it() -> None:
    read = decode_view(encode_view(build_view(CLOSES, features={"close": [1.0, 2.0, 3.0]})))

    assert read.features["close"].tolist() == [1.0, 2.0, 3.0]
    assert read.columns["close"].tolist() == CLOSES.tolist()


def test_another_feature_value_is_another_stored_value() -> None:
    first, other = (encode_view(build_view(CLOSES, features={"rsi_14": value})) for value in (50.0, 50.000001))

    assert first != other


def test_view_of_an_earlier_revision_is_read_without_features() -> None:
    view = build_view(CLOSES)
    header, columns = decode_columns(encode_view(view))
    read = decode_view(encode_columns({**header, "kind": "market_view/1"}, columns))

    assert dict(read.features) == {}
    assert bytes_of(read) == bytes_of(view)


@pytest.mark.parametrize("kind", ["market_view/3", "opinions/1", ""])
def test_value_of_another_kind_is_no_view(kind: str) -> None:
    header, columns = decode_columns(encode_view(build_view(CLOSES)))

    with pytest.raises(CorruptInput, match="expected 'market_view/2'"):
        decode_view(encode_columns({**header, "kind": kind}, columns))


def test_view_is_no_opinion() -> None:
    with pytest.raises(CorruptInput, match="expected 'opinions/1'"):
        decode_opinions(encode_view(build_view(CLOSES)))
