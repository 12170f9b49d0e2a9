"""Prices of one session for one book; a name that does not trade keeps its last close."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import CorporateAction
from tradeops.execution.settlement import Prices
from tradeops.ports.market_source import MarketSource

CARRIED_STEP = Decimal("0.00000001")


class SessionPrices:
    """Opens, closes and corporate actions of a session as known after its close.

    Args:
        source: Bars and actions.
        session: The session.
        known_at: When its bars are known, aware UTC.
        previous_marks: Last close of each held name, USD; divided by that morning's split it stands
            in for a bar that is missing (to eight decimals, where a ratio does not divide it).
    """

    def __init__(self, source: MarketSource, session: date, known_at: datetime, previous_marks: Prices) -> None:
        self._source, self.session, self._known_at = source, session, known_at
        self._previous_marks = previous_marks
        self.actions: tuple[CorporateAction, ...] = source.actions(session, known_at=known_at)
        self._ratios = {action.instrument: action.ratio for action in self.actions}

    def opens(self, names: Iterable[InstrumentId]) -> dict[InstrumentId, Decimal]:
        """Open of each name, USD."""
        bars = {name: self._source.bar(name, self.session, known_at=self._known_at) for name in names}
        return {name: bar.open if bar else self._carried(name) for name, bar in bars.items()}

    def closes(self, names: Iterable[InstrumentId]) -> dict[InstrumentId, Decimal]:
        """Close of each name, USD, as the source wrote it."""
        bars = {name: self._source.bar(name, self.session, known_at=self._known_at) for name in names}
        return {name: bar.close if bar else self._carried(name) for name, bar in bars.items()}

    def ended(self, names: Iterable[InstrumentId]) -> tuple[InstrumentId, ...]:
        """Names without a bar in this session whose data have ended."""
        return tuple(
            name
            for name in names
            if self._source.bar(name, self.session, known_at=self._known_at) is None
            and self._source.ended_on(name, known_at=self._known_at) is not None
        )

    def _carried(self, name: InstrumentId) -> Decimal:
        mark, ratio = self._previous_marks[name], self._ratios.get(name)
        if ratio is None or ratio == 1:
            return mark
        return (mark / ratio).quantize(CARRIED_STEP, rounding=ROUND_HALF_EVEN)
