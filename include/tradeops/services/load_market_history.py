"""Lays out the bars and corporate actions of the lake for readers at any time."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from tradeops.domain.lake_tables import ACTIONS_TABLE, BARS_TABLE
from tradeops.domain.market import Bar, CorporateAction
from tradeops.domain.topics import ACTIONS, BARS, Topic
from tradeops.features.market_history import MarketHistory
from tradeops.features.versions import Version
from tradeops.ports.lake import Lake
from tradeops.ports.trading_calendar import TradingCalendar

_ADDRESS = ["known_time", "log_partition", "log_offset"]
_BAR = ["instrument", "session", "open", "high", "low", "close", "volume"]
_ACTION = ["instrument", "session", "ratio", "dividend"]


def load_market_history(  # noqa: PLR0913 -- by keyword: a declared range, a delay and positions
    lake: Lake,
    calendar: TradingCalendar,
    *,
    vendor_delay: timedelta,
    first_session: date,
    last_session: date,
    positions: Mapping[str, int] | None = None,
) -> MarketHistory:
    """Read the market's history from the lake.

    Args:
        lake: Where bars and actions were sealed.
        calendar: When sessions open and close.
        vendor_delay: From a session's close until its bars are due.
        first_session: Begin of the source's declared range.
        last_session: End of the source's declared range.
        positions: Of a move of the market clock, by `topic/partition`: only messages before them are
            seen, so that a redo of an earlier claim sees what that claim saw. All by default.
    """
    span = {"first": first_session, "last": last_session}
    bars = lake.read(BARS_TABLE, columns=[*_BAR, *_ADDRESS], **span)
    actions = lake.read(ACTIONS_TABLE, columns=[*_ACTION, *_ADDRESS], **span)
    return MarketHistory(
        calendar,
        vendor_delay=vendor_delay,
        first_session=first_session,
        last_session=last_session,
        bars=_list_bars(_keep_seen(bars, BARS, positions)),
        actions=_list_actions(_keep_seen(actions, ACTIONS, positions)),
    )


def _keep_seen(rows: pl.DataFrame, topic: Topic, positions: Mapping[str, int] | None) -> pl.DataFrame:
    if positions is None:
        return rows
    ends = {number: positions.get(f"{topic.name}/{number}", 0) for number in range(topic.partitions)}
    seen = [offset < ends.get(number, 0) for number, offset in rows.select(_ADDRESS[1:]).iter_rows()]
    return rows.filter(pl.Series(seen, dtype=pl.Boolean))


def _list_bars(rows: pl.DataFrame) -> Iterator[Version[Bar]]:
    prices = (_decimals(rows[name]) for name in _BAR[2:6])
    columns = (rows["known_time"].to_list(), rows["instrument"], rows["session"].to_list(), *prices, rows["volume"])
    for known_time, name, session, opening, high, low, close, volume in zip(*columns, strict=True):
        bar = Bar(instrument=name, session=session, open=opening, high=high, low=low, close=close, volume=volume)
        yield Version(known_time, bar)


def _list_actions(rows: pl.DataFrame) -> Iterator[Version[CorporateAction]]:
    amounts = (_decimals(rows[name]) for name in _ACTION[2:])
    columns = (rows["known_time"].to_list(), rows["instrument"], rows["session"].to_list(), *amounts)
    for known_time, name, session, ratio, dividend in zip(*columns, strict=True):
        yield Version(known_time, CorporateAction(instrument=name, session=session, ratio=ratio, dividend=dividend))


def _decimals(column: pl.Series) -> list[Decimal]:
    """Decimals without the zeros that fill them up to eight digits."""
    texts = column.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    return [Decimal(text) for text in texts]
