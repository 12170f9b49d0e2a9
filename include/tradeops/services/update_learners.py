"""Outcomes that matured with a session's open become new immutable learner states."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np

from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import InstrumentId, LearnerStateId
from tradeops.domain.learners import RESIDUAL_QUANTILES, LearnerState
from tradeops.learning.realised_returns import HoldingPeriod, total_return
from tradeops.learning.residual_quantiles import (
    decode_samples,
    extend_residuals,
    standardise_residuals,
    start_residual_quantiles,
)
from tradeops.ports.market_source import MarketSource
from tradeops.services.cycle.stored_values import decode_forecasts
from tradeops.services.settlement_case import SettlementCase


def update_learners(case: SettlementCase, before: Mapping[str, LearnerStateId]) -> tuple[LearnerState, ...]:
    """New learner states after a session; empty when nothing matured.

    The outcome of a decision of session s is the total return from the open of s+1 to the open of
    s+1+horizon; it matures in that session. A name that did not trade at either open is censored.
    New samples are stored in the value store; the states are for the caller to record.

    Args:
        case: The session just settled.
        before: States in force, by learner; empty when the account opens.
    """
    if RESIDUAL_QUANTILES not in before:
        return (start_residual_quantiles(),)
    window = _holding_window(case)
    forecasts = _matured_forecasts(case, window[0]) if window else None
    if forecasts is None:
        return ()
    returns = realised_returns(case.source, forecasts.instruments, window[1:], known_at=case.known_at)
    residuals = standardise_residuals(forecasts, returns)
    if residuals.size == 0:
        return ()
    state = case.ledger.learner_state(before[RESIDUAL_QUANTILES])
    samples = decode_samples(case.values.get(state.samples)) if state.samples else np.empty(0)
    update = extend_residuals(state, samples, residuals, case.policy.blend)
    return (update.to_state(case.values.put(update.encode_samples())),)


def realised_returns(
    source: MarketSource, names: Sequence[InstrumentId], sessions: Sequence[date], *, known_at: datetime
) -> dict[InstrumentId, float]:
    """Total returns from the open of the first to the open of the last session, as fractions.

    Names that did not trade in either are left out.

    Raises:
        NotKnownYet: The last session is not known at `known_at`.
    """
    actions = [action for day in sessions[1:] for action in source.actions(day, known_at=known_at)]
    returns: dict[InstrumentId, float] = {}
    for name in names:
        first = source.bar(name, sessions[0], known_at=known_at)
        last = source.bar(name, sessions[-1], known_at=known_at)
        if first is not None and last is not None:
            own = [action for action in actions if action.instrument == name]
            returns[name] = total_return(HoldingPeriod(entry=first.open, exit=last.open, actions=own))
    return returns


def _holding_window(case: SettlementCase) -> tuple[date, ...]:
    """Decision session, entry session, …, exit session (this one); empty where the calendar begins later."""
    length = case.policy.blend.horizon + 2
    long_ago = case.session - timedelta(days=3 * length)
    window = case.calendar.sessions(long_ago, case.session)[-length:]
    return window if len(window) == length else ()


def _matured_forecasts(case: SettlementCase, decided_on: date) -> Forecasts | None:
    record = case.ledger.find_decision(case.book_id, decided_on)
    if record is None or record.decision.forecasts is None:
        return None
    return decode_forecasts(case.values.get(record.decision.forecasts))
