"""Tells the task log and the run's note how far a long replay has come."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradeops.ports.cycle_runner import CycleOutcome

_LOG = logging.getLogger(__name__)


class YearlyProgress:
    """Counts sessions and reports one line a year.

    Args:
        write_note: Given all lines so far, the newest first: lists show only the first.
        book: Whose sessions, written before each year; none for the live account.
        before: Lines of another book, to be shown below.
    """

    def __init__(self, write_note: Callable[[str], None], book: str = "", before: Sequence[str] = ()) -> None:
        self._write_note = write_note
        self._book = f"{book} " if book else ""
        self._started = time.monotonic()
        self._lines = list(before)
        self._year = 0
        self._sessions = 0
        self._orders = 0

    def __call__(self, outcome: "CycleOutcome") -> None:
        """Take the outcome of one session."""
        if outcome.session.year != self._year:
            self.report()
            self._year, self._sessions, self._orders = outcome.session.year, 0, 0
        self._sessions += 1
        self._orders += outcome.orders

    @property
    def lines(self) -> Sequence[str]:
        """What was reported so far, oldest first."""
        return self._lines

    def report(self) -> None:
        """Report the year that was being counted."""
        if not self._sessions:
            return
        elapsed = time.monotonic() - self._started
        line = f"{self._book}{self._year}: {self._sessions} sessions, {self._orders} orders, {elapsed:.0f} s"
        _LOG.info(line)
        self._lines.append(line)
        self._write_note("\n".join(reversed(self._lines)))
