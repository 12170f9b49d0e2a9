"""All features of sessions, each from what its own decision could know."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.features.bar_versions import BarHistory
from tradeops.features.cross_section import measure_breadth, rank_names
from tradeops.features.declarations import FEATURE_NAMES, feature_schema
from tradeops.features.known_series import Release
from tradeops.features.market_wide import MarketWide
from tradeops.features.windowed import WINDOWED

RANKED = {"rank_ret_20": "ret_20", "rank_momentum": "momentum_120_20", "rank_vol": "vol_60"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureInputs:
    """What was ever said about the market, with when it was known.

    Args:
        market: Sequence of the market clock's move up to which the lake is read.
        sessions: T dates, ascending.
        as_of: T decision times, aware UTC.
        instruments: N identifiers, ascending.
        minimum_bars: Bars that a name of the universe needs.
        bars: Of the instruments.
        releases: Values of index and economic series, by series.
    """

    market: int
    sessions: tuple[date, ...]
    as_of: tuple[datetime, ...]
    instruments: tuple[InstrumentId, ...]
    minimum_bars: int
    bars: BarHistory
    releases: Mapping[str, Sequence[Release]]


def compute_features(inputs: FeatureInputs, chosen: set[date]) -> Iterator[FeatureRows]:
    """Features of the chosen sessions that have a universe, ascending."""
    universe = inputs.bars.find_universe(inputs.minimum_bars)
    rows = [row for row, session in enumerate(inputs.sessions) if session in chosen and universe[row].any()]
    if not rows:
        return
    windowed = inputs.bars.compute_windowed(rows[0], rows[-1])
    market_wide, schema = MarketWide(inputs.releases), feature_schema()
    for row in rows:
        members = np.flatnonzero(universe[row])
        found = dict(zip(WINDOWED, windowed[:, row - rows[0], members], strict=True))
        yield FeatureRows(
            session=inputs.sessions[row],
            market=inputs.market,
            schema=schema,
            instruments=tuple(inputs.instruments[member] for member in members.tolist()),
            names=FEATURE_NAMES,
            values=_arrange(found, market_wide.read(inputs.as_of[row])),
        )


def _arrange(windowed: Mapping[str, FloatArray], market_wide: Mapping[str, float]) -> FloatArray:
    ranks = {name: rank_names(windowed[source]) for name, source in RANKED.items()}
    breadth = {"breadth_20": measure_breadth(windowed["sma_ratio_20"])}
    found: dict[str, FloatArray | float] = {**windowed, **ranks, **breadth, **market_wide}
    values = np.empty((len(FEATURE_NAMES), len(windowed["ret_1"])))
    for row, name in enumerate(FEATURE_NAMES):
        values[row] = found[name]
    values[np.isnan(values)] = np.nan  # one bit pattern, so that equal values are equal bytes
    return values
