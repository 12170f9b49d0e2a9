"""Several versions of the same fact, told apart by when they were known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Generic, TypeVar

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction

FactT = TypeVar("FactT", bound=Bar | CorporateAction)
Cell = tuple[InstrumentId, date]

_known_time = attrgetter("known_time")


@dataclass(frozen=True, slots=True)
class Version(Generic[FactT]):
    """A bar or an action as one message told it, usable from `known_time` (aware UTC) on."""

    known_time: datetime
    fact: FactT


class Versions(Generic[FactT]):
    """All versions of the facts of each name and session.

    Args:
        versions: Those of one cell in the order of the log: of two with one known time the later one counts.
    """

    def __init__(self, versions: Iterable[Version[FactT]]) -> None:
        cells: dict[Cell, list[Version[FactT]]] = {}
        for version in versions:
            cells.setdefault((version.fact.instrument, version.fact.session), []).append(version)
        for found in cells.values():
            if len(found) > 1:
                found.sort(key=_known_time)
        self._cells = cells

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    def of(self, cell: Cell) -> Sequence[Version[FactT]]:
        """Versions of one cell, oldest first."""
        return self._cells.get(cell, ())

    def newest(self, cell: Cell, known_at: datetime) -> FactT | None:
        """The version that a reader at `known_at` believes; None if he knows of none."""
        for version in reversed(self.of(cell)):
            if version.known_time <= known_at:
                return version.fact
        return None
