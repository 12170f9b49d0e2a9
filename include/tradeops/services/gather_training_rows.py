"""Reads the past as each session's decision would have, and adds what followed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from agents.roster import Agent
from tradeops.coordination.blend import blend_scores, compute_horizon_volatility
from tradeops.coordination.boosted_blend import BlenderInputs
from tradeops.domain.errors import DataError, LearningError, UnknownRecord
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray, MarketView, Watermark
from tradeops.domain.opinions import OpinionTarget
from tradeops.domain.policy import TradingPolicy
from tradeops.learning.training_rows import TrainingRows
from tradeops.ports.feature_store import FeatureReader
from tradeops.ports.market_source import MarketSource
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.cycle.consult_agent import judge
from tradeops.services.cycle.observed_inputs import read_view
from tradeops.services.decide_sessions import find_decision_time
from tradeops.services.update_learners import realised_returns

# Features that a blender may split on, beside the agents' scores.
VIEW_FEATURES = (
    "breadth_20",
    "credit_spread_change_3m",
    "index_vol_20",
    "rank_momentum",
    "rank_vol",
    "ret_20",
    "ret_5",
    "reversal_5",
    "trend_z_100",
    "vol_20",
    "vol_60",
    "vol_ratio_20_60",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingHistory:
    """Where the past is read, all as of one move of the market clock.

    Args:
        source: Bars and corporate actions.
        features: Features by session.
        calendar: Sessions and their times.
        policy: Universe, weights, horizon.
        roster: Who judges.
        market: Sequence of that move.
    """

    source: MarketSource
    features: FeatureReader
    calendar: TradingCalendar
    policy: TradingPolicy
    roster: tuple[Agent, ...]
    market: int

    @property
    def columns(self) -> BlenderInputs:
        """Columns of a row: agents that predict returns, ascending, then `VIEW_FEATURES`."""
        agents = sorted(a.specification.agent for a in self.roster if a.specification.target is OpinionTarget.RETURN)
        return BlenderInputs(agents=tuple(agents), features=VIEW_FEATURES)


class _Judged(NamedTuple):
    """Rows of one session that a forecast and an outcome exist for."""

    names: tuple[InstrumentId, ...]
    inputs: FloatArray
    prior: FloatArray
    sigma: FloatArray
    outcome: FloatArray


def gather_training_rows(history: TrainingHistory, until: date) -> TrainingRows:
    """Rows of every session from the first with features whose outcome ends by `until`.

    A view is read, judged and blended by the very functions of the decision cycle; an outcome by those
    that mature forecasts. Names about which nobody spoke, without variation, or that did not trade at
    both opens have no row.

    Args:
        history: Where to read.
        until: A session; no price after it is read.

    Raises:
        UnknownRecord: A session after the first has no features.
        LearningError: There is no row at all.
    """
    sessions = history.calendar.sessions(history.source.first_session, until)
    judged = dict(_judge_sessions(history, sessions, until))
    if not judged:
        raise LearningError(f"no session up to {until} has features and an outcome; build_features first")
    return _lay_out(history, sessions[min(judged) : max(judged) + 1], min(judged), judged)


def _judge_sessions(history: TrainingHistory, sessions: tuple[date, ...], until: date) -> Iterator[tuple[int, _Judged]]:
    length, begun = history.policy.blend.horizon + 2, False
    for at in range(len(sessions) - length + 1):
        try:
            view = _read_view(history, sessions[at])
        except (UnknownRecord, DataError):
            if begun:
                raise
            continue
        begun = True
        yield at, _judge(history, view, sessions[at : at + length], until)


def _read_view(history: TrainingHistory, session: date) -> MarketView:
    return read_view(
        history.source,
        history.features,
        history.policy.universe,
        session=session,
        as_of=find_decision_time(session, history.calendar, history.policy.time),
        watermark=Watermark(market=history.market, ledger=0),
    )


def _judge(history: TrainingHistory, view: MarketView, window: tuple[date, ...], until: date) -> _Judged:
    policy, columns = history.policy, history.columns
    known_at = find_decision_time(until, history.calendar, policy.time)
    opinions = [judge(agent, view) for agent in history.roster]
    inputs, prior = columns.stack(opinions, view), blend_scores(opinions, view.instruments, policy.roster)
    sigma = compute_horizon_volatility(view, policy.blend)
    returns = realised_returns(history.source, view.instruments, window[1:], known_at=known_at)
    outcome = np.array([returns.get(name, np.nan) for name in view.instruments])
    usable = columns.find_heard(inputs) & np.isfinite(prior) & (sigma > 0) & np.isfinite(outcome)
    return _Judged(
        names=tuple(name for name, keep in zip(view.instruments, usable.tolist(), strict=True) if keep),
        inputs=inputs[usable],
        prior=prior[usable],
        sigma=sigma[usable],
        outcome=outcome[usable] / sigma[usable],
    )


def _lay_out(
    history: TrainingHistory, sessions: tuple[date, ...], first: int, judged: dict[int, _Judged]
) -> TrainingRows:
    names = tuple(sorted({name for one in judged.values() for name in one.names}))
    found = list(judged.values())
    return TrainingRows(
        columns=history.columns,
        sessions=sessions,
        instruments=names,
        session=np.repeat([at - first for at in judged], [len(one.names) for one in found]).astype(np.intp),
        instrument=np.array([names.index(name) for one in found for name in one.names], dtype=np.intp),
        inputs=np.concatenate([one.inputs for one in found]),
        prior=np.concatenate([one.prior for one in found]),
        sigma=np.concatenate([one.sigma for one in found]),
        outcome=np.concatenate([one.outcome for one in found]),
    )
