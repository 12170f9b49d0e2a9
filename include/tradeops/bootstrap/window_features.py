"""Windowed features and ranks straight from a market source, for an installation without a feature store."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from tradeops.domain.features import FeatureRows
from tradeops.domain.market import FloatArray
from tradeops.features.cross_section import measure_breadth, rank_names
from tradeops.features.declarations import FEATURE_NAMES, feature_schema
from tradeops.features.windowed import WINDOWED, compute_windowed
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar

RANKS = {"rank_ret_20": "ret_20", "rank_momentum": "momentum_120_20", "rank_vol": "vol_60"}


@dataclass(frozen=True, kw_only=True)
class WindowFeatures:
    """Computes every session at the first read; what lies after a session cannot reach its window."""

    source: MarketSource
    calendar: TradingCalendar

    def read(self, session: date, *, market: int) -> FeatureRows:
        """Features of a session; those of the index and the economy are unknown."""
        names, found = self.source.instruments, self._windowed[self._sessions.index(session)]
        values = {name: np.full(len(names), np.nan) for name in FEATURE_NAMES}
        values |= dict(zip(WINDOWED, found, strict=True))
        values |= {rank: rank_names(values[ranked]) for rank, ranked in RANKS.items()}
        values["breadth_20"] = np.full(len(names), measure_breadth(values["sma_ratio_20"]))
        return FeatureRows(
            session=session,
            market=market,
            schema=feature_schema(),
            instruments=names,
            names=FEATURE_NAMES,
            values=np.stack([values[name] for name in FEATURE_NAMES]),
        )

    @cached_property
    def _sessions(self) -> tuple[date, ...]:
        return self.calendar.sessions(self.source.first_session, self.source.last_session)

    @cached_property
    def _windowed(self) -> FloatArray:
        bars = np.stack([self._read_bars(session) for session in self._sessions], axis=1)
        return compute_windowed(bars).transpose(1, 0, 2)

    def _read_bars(self, session: date) -> FloatArray:
        known_at = self.calendar.closes_at(session) + timedelta(days=1)
        actions = {action.instrument: action for action in self.source.actions(session, known_at=known_at)}
        columns = np.full((6, len(self.source.instruments)), np.nan)
        for at, name in enumerate(self.source.instruments):
            if bar := self.source.bar(name, session, known_at=known_at):
                action = actions.get(name)
                columns[:4, at] = [float(bar.close), float(bar.high), float(bar.low), float(bar.volume)]
                columns[4:, at] = [float(action.ratio), float(action.dividend)] if action else [1.0, 0.0]
        return columns
