"""A cycle's inputs as the market and the ledger give them at its time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from tradeops.domain.claims import Claim
from tradeops.domain.decisions import BookState, CycleRequest, Decision
from tradeops.domain.errors import DataError, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import BookId, InstrumentId, LearnerStateId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import FloatArray, MarketView, Watermark
from tradeops.domain.policy import UniversePolicy
from tradeops.domain.settlements import Settlement
from tradeops.ports.feature_store import FeatureReader
from tradeops.ports.input_reader import ReadInputs
from tradeops.ports.ledger import Ledger
from tradeops.ports.market_source import MarketSource
from tradeops.services.cycle.previous_decision import find_previous_decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedInputs:
    """The input reader of history and present.

    Args:
        ledger: Settlements, earlier decisions, learner states.
        histories: The market as it stood after a move of the market clock, by its sequence; what was
            loaded later is invisible to a redo of an earlier cycle.
        features: Features of a session, as of a move of the market clock.
        universe: Who may be judged.
    """

    ledger: Ledger
    histories: Callable[[int], MarketSource]
    features: FeatureReader
    universe: UniversePolicy

    def read(self, request: CycleRequest, claim: Claim) -> ReadInputs:
        """Inputs as of `request.as_of`.

        Raises:
            UnknownRecord: The session is not settled, or its features are not built yet.
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
        source = self.histories(claim.watermark.market)
        return read_view(
            source,
            self.features,
            self.universe,
            session=request.session,
            as_of=request.as_of,
            watermark=claim.watermark,
        )

    def _read_state(self, book_id: BookId, settlement: Settlement) -> BookState:
        before = find_previous_decision(self.ledger, book_id, settlement.session)
        return BookState(
            book=settlement.closing,
            equity=settlement.equity,
            peak_equity=settlement.peak_equity,
            last_selected=list_last_selected(before, settlement),
            kill_switch=self.ledger.kill_switch(book_id),
        )


def read_view(  # noqa: PLR0913 - three sources, and by keyword which moment
    source: MarketSource,
    features: FeatureReader,
    universe: UniversePolicy,
    *,
    session: date,
    as_of: datetime,
    watermark: Watermark,
) -> MarketView:
    """What was known of the universe at a time; training reads the past by it, too.

    Raises:
        UnknownRecord: The features are not built yet.
        DataError: No name has enough bars.
    """
    names = list_universe(source, universe, session, known_at=as_of)
    if not names:
        raise DataError(f"no name has {universe.minimum_bars} bars on {session}")
    window = source.read_window(names, session, universe.lookback, known_at=as_of)
    rows = features.read(session, market=watermark.market)
    return MarketView(
        as_of=as_of,
        watermark=watermark,
        sessions=window.sessions,
        instruments=names,
        columns=window.columns,
        reference_prices=window.reference_prices,
        features=align_features(rows, names),
    )


def list_universe(
    source: MarketSource, universe: UniversePolicy, session: date, *, known_at: datetime
) -> tuple[InstrumentId, ...]:
    """Eligible names that traded in the session and have enough bars, ascending."""
    return tuple(
        name
        for name in sorted(set(universe.names) & set(source.instruments))
        if source.count_bars(name, session, known_at=known_at) >= universe.minimum_bars
        and source.bar(name, session, known_at=known_at) is not None
    )


def align_features(rows: FeatureRows, instruments: tuple[InstrumentId, ...]) -> Mapping[str, FloatArray]:
    """(N,) values of each feature for N instruments; NaN for one that the rows do not hold."""
    positions = {name: at for at, name in enumerate(rows.instruments)}
    aligned = np.full((len(rows.names), len(instruments)), np.nan)
    for at, name in enumerate(instruments):
        if name in positions:
            aligned[:, at] = rows.values[:, positions[name]]
    return dict(zip(rows.names, aligned, strict=True))


def list_last_selected(before: Decision | None, settlement: Settlement) -> Mapping[InstrumentId, date]:
    """Last session in the slate of each held name, carried on from decision to decision."""
    if before is None or before.inputs is None:
        return {}
    selected = dict(before.inputs.state.last_selected)
    if before.slate is not None:
        selected.update(dict.fromkeys(before.slate.chosen, before.session))
    return {name: selected[name] for name in settlement.closing.positions if name in selected}
