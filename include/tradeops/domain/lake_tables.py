"""Tables of the lake: columns with their types, and the order that rows are read in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tradeops.domain.topics import ACTIONS, BARS, INDEX_BARS, MACRO


class ColumnType(StrEnum):
    """Types that a lake stores."""

    TEXT = "text"
    DATE = "date"
    TIME = "time"  # aware UTC, microseconds
    MONEY = "money"  # decimal128(20, 8)
    FLOAT = "float"
    FLOATS = "floats"  # list of float64
    INTEGER = "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTable:
    """One table.

    Args:
        name: Folder of the table.
        columns: Types by name, in the order stored.
        order: Columns that order the rows read.
    """

    name: str
    columns: Mapping[str, ColumnType]
    order: tuple[str, ...]


# Of every sealed event: its identity, its times, and its address in the log.
EVENT_COLUMNS: Mapping[str, ColumnType] = {
    "event_id": ColumnType.TEXT,
    "source": ColumnType.TEXT,
    "sequence": ColumnType.TEXT,
    "event_time": ColumnType.TIME,
    "known_time": ColumnType.TIME,
    "basis": ColumnType.TEXT,
    "log_partition": ColumnType.INTEGER,
    "log_offset": ColumnType.INTEGER,
}
_PRICES = dict.fromkeys(("open", "high", "low", "close"), ColumnType.MONEY)
_EVENT_ORDER = ("known_time", "log_partition", "log_offset")

BARS_TABLE = LakeTable(
    name="bars",
    columns={
        "instrument": ColumnType.TEXT,
        "session": ColumnType.DATE,
        **_PRICES,
        "volume": ColumnType.INTEGER,
        **EVENT_COLUMNS,
    },
    order=("session", "instrument", *_EVENT_ORDER),
)
ACTIONS_TABLE = LakeTable(
    name="corporate_actions",
    columns={
        "instrument": ColumnType.TEXT,
        "session": ColumnType.DATE,
        "ratio": ColumnType.MONEY,
        "dividend": ColumnType.MONEY,
        **EVENT_COLUMNS,
    },
    order=("session", "instrument", *_EVENT_ORDER),
)
INDEX_BARS_TABLE = LakeTable(
    name="index_bars",
    columns={
        "index": ColumnType.TEXT,
        "session": ColumnType.DATE,
        **_PRICES,
        "volume": ColumnType.INTEGER,
        **EVENT_COLUMNS,
    },
    order=("session", "index", *_EVENT_ORDER),
)
MACRO_TABLE = LakeTable(
    name="macro_releases",
    columns={
        "series": ColumnType.TEXT,
        "period": ColumnType.DATE,
        "value": ColumnType.MONEY,
        **EVENT_COLUMNS,
    },
    order=("series", "period", *_EVENT_ORDER),
)
# `market` is the move of the market clock that the row was built after; `names` joins with commas.
FEATURES_TABLE = LakeTable(
    name="features",
    columns={
        "session": ColumnType.DATE,
        "instrument": ColumnType.TEXT,
        "market": ColumnType.INTEGER,
        "schema": ColumnType.TEXT,
        "names": ColumnType.TEXT,
        "values": ColumnType.FLOATS,
    },
    order=("session", "instrument", "market"),
)

TABLES: Mapping[str, LakeTable] = {
    table.name: table for table in (BARS_TABLE, ACTIONS_TABLE, INDEX_BARS_TABLE, MACRO_TABLE, FEATURES_TABLE)
}
SEALED_AS: Mapping[str, LakeTable] = {
    BARS.name: BARS_TABLE,
    ACTIONS.name: ACTIONS_TABLE,
    INDEX_BARS.name: INDEX_BARS_TABLE,
    MACRO.name: MACRO_TABLE,
}
