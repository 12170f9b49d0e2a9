"""What was loaded: messages of every topic, rows of every table, dead letters."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tradeops.domain.lake_tables import TABLES, LakeTable
from tradeops.domain.topics import RAW_TO_VALIDATED
from tradeops.ports.event_log import EventLog
from tradeops.ports.lake import Lake
from tradeops.services.dead_letters import OPEN, list_dead_letters


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicCounts:
    """Messages of one topic: `raw` records came in, `validated` passed, `dead` are set aside and wait."""

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
        dead_letters: Those that wait, by kind of error.
    """

    topics: tuple[TopicCounts, ...]
    tables: tuple[TableCounts, ...]
    dead_letters: Mapping[str, int]


def count_data(log: EventLog, lake: Lake) -> DataCounts:
    """Count messages and rows.

    Args:
        log: All topics.
        lake: All tables.
    """
    letters = list_dead_letters(log, wanted=OPEN)
    dead = Counter(letter.topic for letter in letters)
    reasons = Counter(letter.error_type for letter in letters)
    return DataCounts(
        topics=tuple(
            TopicCounts(
                topic=validated.name,
                raw=log.count_messages(raw),
                validated=log.count_messages(validated.name),
                dead=dead[raw] + dead[validated.name],
            )
            for raw, validated in RAW_TO_VALIDATED.items()
        ),
        tables=tuple(_count_table(lake, table) for table in TABLES.values()),
        dead_letters=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def _count_table(lake: Lake, table: LakeTable) -> TableCounts:
    has_basis = "basis" in table.columns
    column = "basis" if has_basis else next(iter(table.columns))
    values = lake.read(table, columns=[column])[column].to_list()
    by_basis = Counter(map(str, values)) if has_basis else Counter(computed=len(values))
    return TableCounts(table=table.name, rows=len(values), by_basis=dict(sorted(by_basis.items())))
