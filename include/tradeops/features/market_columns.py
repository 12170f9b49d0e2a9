"""Bars and actions as float columns, laid out once and patched where the reader's time matters."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import numpy as np

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import VIEW_COLUMNS, Bar, CorporateAction, FloatArray
from tradeops.features.versions import Cell, Versions

_NO_TRADE = (np.nan, 0.0, 1.0, 0.0)


class MarketColumns:
    """Columns as in `MarketView` over all sessions and names; NaN closes where a name did not trade.

    A cell is settled when each of its facts has one version, known in time: whoever may read its
    session sees the same. The others are put in for each reader.

    Args:
        sessions: All sessions of the range, ascending.
        names: All names, ascending.
        known_at: When a session's bars are due, by session.
        bars: Of these sessions and names.
        actions: Of these sessions, and maybe of other names.
    """

    def __init__(
        self,
        sessions: Sequence[date],
        names: Sequence[InstrumentId],
        known_at: Mapping[date, datetime],
        bars: Versions[Bar],
        actions: Versions[CorporateAction],
    ) -> None:
        self._bars, self._actions, self._due = bars, actions, known_at
        self._rows = {session: row for row, session in enumerate(sessions)}
        self._items = {name: item for item, name in enumerate(names)}
        self._table = np.tile(_NO_TRADE, (len(sessions), len(names), 1))
        cells = [*bars, *(cell for cell in actions if not bars.of(cell) and cell[0] in self._items)]
        settled = [cell for cell in cells if self._is_settled(cell)]
        self._fill(settled)
        unsettled = sorted(set(cells) - set(settled), key=lambda cell: (cell[1], cell[0]))
        self._unsettled = [(self._rows[session], (name, session)) for name, session in unsettled]
        self._counts = np.cumsum(~np.isnan(self._table[:, :, 0]), axis=0)

    def read(self, names: Sequence[InstrumentId], first: int, end: int, known_at: datetime) -> dict[str, FloatArray]:
        """Columns of rows `first` … `end − 1` as a reader at `known_at` sees them; the caller's own arrays."""
        items = [self._items[name] for name in names]
        table = self._table[first:end, items]
        for row, cell in self._unsettled_between(first, end):
            if cell[0] in names:
                table[row - first, names.index(cell[0])] = self._values(cell, known_at)
        return {key: np.ascontiguousarray(table[:, :, item]) for item, key in enumerate(VIEW_COLUMNS)}

    def count_bars(self, name: InstrumentId, row: int, known_at: datetime) -> int:
        """How many bars of a name up to and including a row are known at `known_at`."""
        late = (cell for _, cell in self._unsettled_between(0, row + 1) if cell[0] == name)
        known = sum(self._bars.newest(cell, known_at) is not None for cell in late)
        return int(self._counts[row, self._items[name]]) + known

    def _fill(self, settled: Sequence[Cell]) -> None:
        if settled:
            rows = [self._rows[session] for _, session in settled]
            items = [self._items[name] for name, _ in settled]
            self._table[rows, items] = [self._values(cell, self._due[cell[1]]) for cell in settled]

    def _unsettled_between(self, first: int, end: int) -> list[tuple[int, Cell]]:
        if not self._unsettled:
            return []
        start = bisect_left(self._unsettled, first, key=_row)
        return self._unsettled[start : bisect_left(self._unsettled, end, key=_row)]

    def _is_settled(self, cell: Cell) -> bool:
        versions = (self._bars.of(cell), self._actions.of(cell))
        return all(len(found) <= 1 and all(v.known_time <= self._due[cell[1]] for v in found) for found in versions)

    def _values(self, cell: Cell, known_at: datetime) -> tuple[float, float, float, float]:
        bar, action = self._bars.newest(cell, known_at), self._actions.newest(cell, known_at)
        if bar is None:
            return _NO_TRADE
        ratio, dividend = (action.ratio, action.dividend) if action else (1, 0)
        return float(bar.close), float(bar.volume), float(ratio), float(dividend)


def _row(unsettled: tuple[int, Cell]) -> int:
    return unsettled[0]
