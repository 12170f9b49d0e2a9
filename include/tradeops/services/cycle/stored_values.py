"""How views, opinions and forecasts are written to the value store and read back."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import cast

import numpy as np

from tradeops.domain.columnar import decode_columns, encode_columns
from tradeops.domain.errors import CorruptInput
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.market import MarketView, Watermark
from tradeops.domain.opinions import Opinions

VIEW_KIND = "market_view/2"
# Written before a view held features; records that name such a view are still read.
VIEW_KIND_WITHOUT_FEATURES = "market_view/1"
FEATURE_PREFIX = "feature."


def encode_view(view: MarketView) -> bytes:
    """Bytes of a view."""
    header = {
        "kind": VIEW_KIND,
        "as_of": view.as_of,
        "watermark": view.watermark,
        "sessions": view.sessions,
        "instruments": view.instruments,
        "reference_prices": view.reference_prices,
    }
    features = {FEATURE_PREFIX + name: values for name, values in view.features.items()}
    return encode_columns(header, {**view.columns, **features})


def decode_view(data: bytes) -> MarketView:
    """The view that `encode_view` wrote; without features when an earlier form is read."""
    header, stored = _decode(data, VIEW_KIND, VIEW_KIND_WITHOUT_FEATURES)
    features = {name: values for name, values in stored.items() if name.startswith(FEATURE_PREFIX)}
    watermark = cast("Mapping[str, int]", header["watermark"])
    prices = cast("Mapping[str, str]", header["reference_prices"])
    return MarketView(
        as_of=datetime.fromisoformat(str(header["as_of"])),
        watermark=Watermark(market=watermark["market"], ledger=watermark["ledger"]),
        sessions=tuple(date.fromisoformat(text) for text in _texts(header, "sessions")),
        instruments=_instruments(header),
        columns={name: values for name, values in stored.items() if name not in features},
        features={name.removeprefix(FEATURE_PREFIX): values for name, values in features.items()},
        reference_prices={InstrumentId(name): Decimal(text) for name, text in prices.items()},
    )


def encode_opinions(opinions: Opinions) -> bytes:
    """Bytes of one agent's opinions."""
    header = {
        "kind": "opinions/1",
        "agent": opinions.agent,
        "instruments": opinions.instruments,
        "abstention": [int(reason) for reason in opinions.abstention],
    }
    return encode_columns(header, {"score": opinions.score, "confidence": opinions.confidence})


def decode_opinions(data: bytes) -> Opinions:
    """The opinions that `encode_opinions` wrote."""
    header, columns = _decode(data, "opinions/1")
    return Opinions(
        agent=AgentId(str(header["agent"])),
        instruments=_instruments(header),
        score=columns["score"],
        confidence=columns["confidence"],
        abstention=np.array(header["abstention"], dtype=np.int8),
    )


def encode_forecasts(forecasts: Forecasts) -> bytes:
    """Bytes of a blend."""
    header = {"kind": "forecasts/1", "instruments": forecasts.instruments}
    columns = {
        "score": forecasts.score,
        "mean": forecasts.mean,
        "sigma": forecasts.sigma,
        "quantiles": forecasts.quantiles,
        "probability_up": forecasts.probability_up,
    }
    return encode_columns(header, columns)


def decode_forecasts(data: bytes) -> Forecasts:
    """The blend that `encode_forecasts` wrote."""
    header, columns = _decode(data, "forecasts/1")
    return Forecasts(instruments=_instruments(header), **columns)


def _decode(data: bytes, *kinds: str) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    header, columns = decode_columns(data)
    if header.get("kind") not in kinds:
        raise CorruptInput(f"stored value is {header.get('kind')!r}, expected {kinds[0]!r}", kind=kinds[0])
    return header, columns


def _texts(header: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(cast("list[str]", header[name]))


def _instruments(header: Mapping[str, object]) -> tuple[InstrumentId, ...]:
    return tuple(InstrumentId(name) for name in _texts(header, "instruments"))
