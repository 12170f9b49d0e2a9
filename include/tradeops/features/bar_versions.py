"""Bars and corporate actions with every correction of them, and what of them was known at each session."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tradeops.domain.market import FloatArray
from tradeops.features.kernels import BAR_ROWS, DIVIDEND, LAGS, SPLIT, WINDOWED_ROWS
from tradeops.features.windowed import compute_windowed

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Versions:
    """Cells of a table of sessions and names, some more than once, in the order they became known.

    Args:
        row: (V,) session of the cell.
        column: (V,) name of the cell.
        seen: (V,) first session, not before the cell's own, whose decision knew the version.
        values: (C, V) float64.
    """

    row: IntArray
    column: IntArray
    seen: IntArray
    values: FloatArray

    @property
    def late(self) -> IntArray:
        """Sessions whose decision knew something of an earlier session that none before it knew."""
        return np.unique(self.seen[self.seen > self.row])

    def put(self, table: FloatArray, begin: int, stand: int) -> None:
        """Write into a table what is known by a session, and of later sessions what each knew itself.

        Args:
            table: (C, rows, N), changed in place.
            begin: Session of its first row.
            stand: The session whose decision looks.
        """
        row = self.row - begin
        known = self.seen <= np.maximum(self.row, stand)
        chosen = np.flatnonzero((row >= 0) & (row < table.shape[1]) & known)[::-1]
        cells = row[chosen] * table.shape[2] + self.column[chosen]
        newest = chosen[np.unique(cells, return_index=True)[1]]
        table[:, row[newest], self.column[newest]] = self.values[:, newest]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarHistory:
    """All that was ever said about the bars of some names.

    Args:
        sessions: T, how many sessions.
        names: N, how many names.
        bars: Versions of close, high, low and volume.
        actions: Versions of split and dividend.
    """

    sessions: int
    names: int
    bars: Versions
    actions: Versions

    def find_universe(self, minimum_bars: int) -> npt.NDArray[np.bool_]:
        """(T, N) whether a name has a bar at the session and enough of them, as its decision knew."""
        seen = np.full((self.sessions, self.names), self.sessions)
        np.minimum.at(seen, (self.bars.row, self.bars.column), self.bars.seen)
        counts = np.zeros((self.sessions + 1, self.names), dtype=np.int64)
        np.add.at(counts, (seen, np.arange(self.names)), 1)
        enough = np.cumsum(counts, axis=0)[:-1] >= minimum_bars
        present: npt.NDArray[np.bool_] = enough & (seen == np.arange(self.sessions)[:, None])
        return present

    def compute_windowed(self, first: int, last: int) -> FloatArray:
        """Windowed features of the sessions `first` to `last`, each as its own decision knew the bars.

        Returns:
            (F, last − first + 1, N) float64 in the order of `WINDOWED`.
        """
        found = np.empty((WINDOWED_ROWS, last - first + 1, self.names))
        changes = np.union1d(self.bars.late, self.actions.late)
        cuts = [first, *changes[(changes > first) & (changes <= last)].tolist(), last + 1]
        for start, stop in pairwise(cuts):  # between two cuts nothing of the past is corrected
            begin = max(0, start - LAGS)
            windowed = compute_windowed(self._tabulate(begin, start, stop))
            found[:, start - first : stop - first] = windowed[:, start - begin :]
        return found

    def _tabulate(self, begin: int, stand: int, stop: int) -> FloatArray:
        table = np.full((BAR_ROWS, stop - begin, self.names), np.nan)
        table[SPLIT], table[DIVIDEND] = 1.0, 0.0
        self.bars.put(table[:SPLIT], begin, stand)
        self.actions.put(table[SPLIT:], begin, stand)
        return table
