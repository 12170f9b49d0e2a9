"""Reads from the lake what features are made of, up to a move of the market clock."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from tradeops.domain.claims import ClockMove
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.lake_tables import (
    ACTIONS_TABLE,
    BARS_TABLE,
    INDEX_BARS_TABLE,
    MACRO_TABLE,
    SEALED_AS,
    LakeTable,
)
from tradeops.domain.policy import TradingPolicy
from tradeops.features.bar_versions import BarHistory, IntArray, Versions
from tradeops.features.known_series import Release
from tradeops.features.market_wide import SERIES
from tradeops.features.session_features import FeatureInputs
from tradeops.ports.lake import Lake
from tradeops.ports.trading_calendar import TradingCalendar

_KNOWN = ("known_time", "log_partition", "log_offset")
_TOPICS = {table.name: topic for topic, table in SEALED_AS.items()}
_TIME = pl.Datetime("us", "UTC")


def read_feature_inputs(
    lake: Lake, calendar: TradingCalendar, policy: TradingPolicy, *, market: int, move: ClockMove
) -> FeatureInputs:
    """Everything sealed when the market clock moved.

    Args:
        lake: Holds bars, actions, index bars and releases.
        calendar: Of the exchange.
        policy: Says which names are eligible and when a session is decided.
        market: Sequence of the move.
        move: The move; rows at its positions and beyond are left out; a move without positions leaves out nothing.
    """
    bars = _read(lake, BARS_TABLE, ("instrument", "session", "close", "high", "low", "volume"), move)
    bars = bars.filter(pl.col("instrument").is_in(policy.universe.names))
    instruments = tuple(InstrumentId(name) for name in bars["instrument"].unique().sort())
    first = bars["session"].min()
    sessions = calendar.sessions(first, move.after) if isinstance(first, date) else ()
    as_of = _decide_at(calendar, policy, sessions)
    axes = _Axes(sessions, as_of, instruments)
    actions = _read(lake, ACTIONS_TABLE, ("instrument", "session", "ratio", "dividend"), move)
    return FeatureInputs(
        market=market,
        sessions=sessions,
        as_of=as_of,
        instruments=instruments,
        minimum_bars=policy.universe.minimum_bars,
        bars=BarHistory(
            sessions=len(sessions),
            names=len(instruments),
            bars=axes.place(bars, ("close", "high", "low", "volume")),
            actions=axes.place(actions, ("ratio", "dividend")),
        ),
        releases={
            **_read_releases(lake, INDEX_BARS_TABLE, ("index", "session", "close"), move),
            **_read_releases(lake, MACRO_TABLE, ("series", "period", "value"), move),
        },
    )


class _Axes:
    """Turns dates and names into rows and columns."""

    def __init__(
        self, sessions: Sequence[date], as_of: Sequence[datetime], instruments: Sequence[InstrumentId]
    ) -> None:
        self._sessions = pl.DataFrame({"session": sessions, "row": range(len(sessions))}, schema_overrides=_ROW)
        self._names = pl.DataFrame({"instrument": instruments, "column": range(len(instruments))}, schema=_COLUMN)
        self._as_of = pl.Series(as_of, dtype=_TIME).to_physical().to_numpy()

    def place(self, rows: pl.DataFrame, values: Sequence[str]) -> Versions:
        placed = rows.join(self._sessions, on="session", how="inner", maintain_order="left")
        placed = placed.join(self._names, on="instrument", how="inner", maintain_order="left")
        row: IntArray = placed["row"].to_numpy()
        seen = np.maximum(row, np.searchsorted(self._as_of, placed["known_time"].to_physical().to_numpy()))
        known = seen < len(self._as_of)
        return Versions(
            row=row[known],
            column=placed["column"].to_numpy()[known],
            seen=seen[known],
            values=placed.select(pl.col(values).cast(pl.Float64)).to_numpy().T[:, known],
        )


_ROW = {"session": pl.Date(), "row": pl.Int64()}
_COLUMN = {"instrument": pl.String(), "column": pl.Int64()}


def _decide_at(calendar: TradingCalendar, policy: TradingPolicy, sessions: Sequence[date]) -> tuple[datetime, ...]:
    delay = timedelta(minutes=policy.time.vendor_delay_minutes + policy.time.decision_delay_minutes)
    return tuple(calendar.closes_at(session) + delay for session in sessions)


def _read(lake: Lake, table: LakeTable, columns: Sequence[str], move: ClockMove) -> pl.DataFrame:
    """Rows in the order they became known."""
    rows = lake.read(table, columns=[*columns, *_KNOWN])
    if move.positions:
        bounds = _list_bounds(move.positions, _TOPICS[table.name])
        sealed = pl.col("log_partition").replace_strict(bounds, default=0, return_dtype=pl.Int64)
        rows = rows.filter(pl.col("log_offset") < sealed)
    return rows.sort(_KNOWN, maintain_order=True)


def _list_bounds(positions: Mapping[str, int], topic: str) -> dict[int, int]:
    pairs = ((*position.rpartition("/"), offset) for position, offset in positions.items())
    return {int(partition): offset for name, _, partition, offset in pairs if name == topic}


def _read_releases(lake: Lake, table: LakeTable, columns: Sequence[str], move: ClockMove) -> dict[str, list[Release]]:
    series, period, value = columns
    rows = (
        _read(lake, table, columns, move)
        .filter(pl.col(series).is_in(SERIES))
        .select(series, period, pl.col(value).cast(pl.Float64), "known_time")
    )
    found: dict[str, list[Release]] = {}
    for name, day, number, known in rows.iter_rows():
        found.setdefault(name, []).append(Release(period=day, value=number, known=known))
    return found
