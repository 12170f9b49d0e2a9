"""Rows of the lake as the sealer would write them, from bars and actions with the time they became known."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from tradeops.domain.lake_tables import ACTIONS_TABLE, BARS_TABLE, LakeTable
from tradeops.domain.market import Bar, CorporateAction
from tradeops.domain.topics import BARS, choose_partition
from tradeops.ports.lake import Lake, frame_schema

Told = tuple[Bar | CorporateAction, datetime]


def seal_told(lake: Lake, told: Sequence[Told]) -> dict[str, int]:
    """Append in the order told; gives the positions after it, as a move of the market clock would hold them."""
    positions: dict[str, int] = {}
    for table, topic, kind, partitions in (
        (BARS_TABLE, BARS.name, Bar, BARS.partitions),
        (ACTIONS_TABLE, "market.actions", CorporateAction, 1),
    ):
        for partition in range(partitions):
            mine = [
                (fact, known)
                for fact, known in told
                if isinstance(fact, kind) and choose_partition(fact.instrument, partitions) == partition
            ]
            writer = f"seal:{topic}:{partition}"
            before = lake.sealed_version(table, writer)
            if mine:
                rows = _make_rows(table, mine, partition, before + 1)
                assert lake.append(table, rows, writer=writer, version=before + len(mine))
            positions[f"{topic}/{partition}"] = before + 1 + len(mine)
    return positions


def _make_rows(table: LakeTable, told: Sequence[Told], partition: int, offset: int) -> pl.DataFrame:
    names = [name for name in table.columns if hasattr(told[0][0], name)]
    rows = [
        {name: getattr(fact, name) for name in names}
        | {"event_id": f"{table.name}/{partition}/{offset + row}", "source": "test", "sequence": str(offset + row)}
        | {"event_time": known, "known_time": known, "basis": "assumed"}
        | {"log_partition": partition, "log_offset": offset + row}
        for row, (fact, known) in enumerate(told)
    ]
    return pl.DataFrame(rows, schema=frame_schema(table))
