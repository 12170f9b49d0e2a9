"""An online feature store in memory."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tradeops.domain.errors import CycleConflict, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.ports.feature_store import ONLINE_SESSIONS


@dataclass
class InMemoryFeatureStore:
    schema: str
    kept: dict[tuple[str, date], FeatureRows] = field(default_factory=dict)

    def read(self, session: date, *, market: int) -> FeatureRows:
        rows = self.kept.get((self.schema, session))
        if rows is None or rows.market > market:
            raise UnknownRecord(f"no features of {session} for move {market}; run the DAG build_features")
        return rows

    def write(self, rows: FeatureRows) -> None:
        before = self.kept.get((rows.schema, rows.session))
        if before is not None and before.market == rows.market and not _equal(before, rows):
            raise CycleConflict(f"other features of {rows.session} are kept for move {rows.market}")
        if before is None or before.market < rows.market:
            self.kept[rows.schema, rows.session] = rows
        for session in sorted(day for schema, day in self.kept if schema == rows.schema)[:-ONLINE_SESSIONS]:
            del self.kept[rows.schema, session]


def _equal(one: FeatureRows, other: FeatureRows) -> bool:
    same = (one.instruments, one.names) == (other.instruments, other.names)
    return same and np.array_equal(one.values.view(np.int64), other.values.view(np.int64))
