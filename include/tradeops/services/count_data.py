"""What was loaded: messages of every topic, rows of every table, dead letters."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tradeops.domain.lake_tables import TABLES, LakeTable
from tradeops.domain.topics import RAW_TO_VALIDATED, Topic, find_topic
from tradeops.ports.event_log import EventLog
from tradeops.ports.lake import Lake


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicCounts:
    """Messages of one topic: `raw` records came in, `validated` passed, `dead` were set aside."""

    topic: str
    raw: int
    validated: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCounts:
    """Rows of one table of the lake, by basis of what they hold (`observed`, `assumed`, `computed`)."""

    table: str
    rows: int
    by_basis: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCounts:
    """What the event log and the lake hold.

    Args:
        topics: Those that raw records come in by.
        tables: Of the lake.
        dead_letters: By reason.
    """

    topics: tuple[TopicCounts, ...]
    tables: tuple[TableCounts, ...]
    dead_letters: Mapping[str, int]


def count_data(log: EventLog, lake: Lake, dead_letters: Mapping[str, int]) -> DataCounts:
    """Count messages and rows.

    Args:
        log: All topics.
        lake: All tables.
        dead_letters: Dead letters by reason.
    """
    return DataCounts(
        topics=tuple(_count_topic(log, find_topic(raw), validated) for raw, validated in RAW_TO_VALIDATED.items()),
        tables=tuple(_count_table(lake, table) for table in TABLES.values()),
        dead_letters=dict(sorted(dead_letters.items(), key=lambda item: (-item[1], item[0]))),
    )


def _count_topic(log: EventLog, raw: Topic, validated: Topic) -> TopicCounts:
    names = (raw.name, validated.name, raw.dead_letters)
    ends = [sum(log.end_offsets(name).values()) for name in names]
    return TopicCounts(topic=validated.name, raw=ends[0], validated=ends[1], dead=ends[2])


def _count_table(lake: Lake, table: LakeTable) -> TableCounts:
    has_basis = "basis" in table.columns
    column = "basis" if has_basis else next(iter(table.columns))
    values = lake.read(table, columns=[column])[column].to_list()
    by_basis = Counter(map(str, values)) if has_basis else Counter(computed=len(values))
    return TableCounts(table=table.name, rows=len(values), by_basis=dict(sorted(by_basis.items())))
