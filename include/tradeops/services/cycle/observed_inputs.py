"""A cycle's inputs as the market and the ledger give them at its time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tradeops.domain.claims import Claim
from tradeops.domain.decisions import BookState, CycleRequest, Decision
from tradeops.domain.errors import DataError, UnknownRecord
from tradeops.domain.identifiers import BookId, InstrumentId, LearnerStateId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import MarketView
from tradeops.domain.policy import UniversePolicy
from tradeops.domain.settlements import Settlement
from tradeops.ports.input_reader import ReadInputs
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedInputs:
    """The input reader of history and present."""

    ledger: Ledger
    source: MarketSource
    calendar: TradingCalendar
    universe: UniversePolicy

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        """Inputs as of `request.as_of`.

        Raises:
            UnknownRecord: The session is not settled yet.
        """
        settlement = self.ledger.find_settlement(request.book_id, request.session)
        if settlement is None:
            raise UnknownRecord(
                f"{request.book_id} is not settled for {request.session}; settle before deciding",
                session=request.session,
            )
        return ReadInputs(
            view=self._read_view(request, claim),
            state=self._read_state(request.book_id, settlement),
            learner_states=settlement.learner_states,
        )

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        """A learner state of the ledger."""
        return self.ledger.learner_state(state_id)

    def _read_view(self, request: CycleRequest, claim: Claim) -> MarketView:
        names = self._list_universe(request)
        if not names:
            raise DataError(f"no name has {self.universe.minimum_bars} bars on {request.session}")
        window = self.source.read_window(names, request.session, self.universe.lookback, known_at=request.as_of)
        return MarketView(
            as_of=request.as_of,
            watermark=claim.watermark,
            sessions=window.sessions,
            instruments=names,
            columns=window.columns,
            reference_prices=window.reference_prices,
        )

    def _list_universe(self, request: CycleRequest) -> tuple[InstrumentId, ...]:
        session, known_at, source = request.session, request.as_of, self.source
        return tuple(
            name
            for name in sorted(set(self.universe.names) & set(source.instruments))
            if source.count_bars(name, session, known_at=known_at) >= self.universe.minimum_bars
            and source.bar(name, session, known_at=known_at) is not None
        )

    def _read_state(self, book_id: BookId, settlement: Settlement) -> BookState:
        before = self._find_previous_decision(book_id, settlement.session)
        return BookState(
            book=settlement.closing,
            equity=settlement.equity,
            peak_equity=settlement.peak_equity,
            last_selected=list_last_selected(before, settlement),
            kill_switch=self.ledger.kill_switch(book_id),
        )

    def _find_previous_decision(self, book_id: BookId, session: date) -> Decision | None:
        last = self.ledger.last_closed_session(book_id)
        if last is None or last >= session:
            return None
        record = self.ledger.find_decision(book_id, last)
        return None if record is None else record.decision


def list_last_selected(before: Decision | None, settlement: Settlement) -> Mapping[InstrumentId, date]:
    """Last session in the slate of each held name, carried on from decision to decision."""
    if before is None or before.inputs is None:
        return {}
    selected = dict(before.inputs.state.last_selected)
    if before.slate is not None:
        selected.update(dict.fromkeys(before.slate.chosen, before.session))
    return {name: selected[name] for name in settlement.closing.positions if name in selected}
