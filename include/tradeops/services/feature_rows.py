"""Features as rows of the lake, and back."""

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import polars as pl

from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.lake_tables import FEATURES_TABLE
from tradeops.ports.lake import Lake, frame_schema

_BUILD = ("session", "market")


def write_rows(builds: Sequence[FeatureRows]) -> pl.DataFrame:
    """One row an instrument and session."""
    counts = [len(build.instruments) for build in builds]
    columns: dict[str, object] = {
        "session": np.repeat(np.array([build.session for build in builds], dtype="datetime64[D]"), counts),
        "instrument": [name for build in builds for name in build.instruments],
        "market": np.repeat([build.market for build in builds], counts),
        "schema": [build.schema for build in builds for _ in build.instruments],
        "names": [",".join(build.names) for build in builds for _ in build.instruments],
        "values": [row for build in builds for row in build.values.T.tolist()],
    }
    return pl.DataFrame(columns, schema=frame_schema(FEATURES_TABLE))


def read_builds(
    lake: Lake, schema: str, *, first: date | None = None, last: date | None = None
) -> dict[date, list[FeatureRows]]:
    """Every build of every session of a range, oldest first."""
    rows = lake.read(FEATURES_TABLE, first=first, last=last).filter(pl.col("schema") == schema)
    rows = rows.sort(*_BUILD, "instrument", maintain_order=True)
    builds: dict[date, list[FeatureRows]] = {}
    for _, group in rows.group_by(_BUILD, maintain_order=True):
        build = _read_build(group)
        builds.setdefault(build.session, []).append(build)
    return builds


def find_build(builds: Iterable[FeatureRows], market: int) -> FeatureRows | None:
    """The newest of them that was built after the move `market` or an earlier one."""
    return max((build for build in builds if build.market <= market), key=lambda build: build.market, default=None)


def _read_build(rows: pl.DataFrame) -> FeatureRows:
    session, _, market, schema, names, _ = rows.row(0)
    instruments = tuple(InstrumentId(name) for name in rows["instrument"])
    values = rows["values"].explode().to_numpy().reshape(len(instruments), -1)
    return FeatureRows(
        session=session,
        market=market,
        schema=schema,
        instruments=instruments,
        names=tuple(names.split(",")),
        values=np.ascontiguousarray(values.T),
    )
