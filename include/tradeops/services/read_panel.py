"""What agents and the blend said of every name in every session, beside what followed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from tradeops.domain.decisions import Decision
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.identifiers import AgentId, InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.domain.opinions import Opinions
from tradeops.ports.market_source import MarketSource
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_forecasts, decode_opinions
from tradeops.services.update_learners import realised_returns

NOT_ASKED = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AgentPanel:
    """One agent's opinions.

    Args:
        score: (T, N) in [-1, 1]; NaN where it did not speak.
        confidence: (T, N) in [0, 1]; NaN where it did not speak.
        abstention: (T, N) int8 of `Abstention`; `NOT_ASKED` where it did not see the name.
    """

    score: FloatArray
    confidence: FloatArray
    abstention: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastPanel:
    """The blend's forecasts: (T, N) P(up) and (T, N, 5) quantiles; NaN where there are none."""

    probability_up: FloatArray
    quantiles: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpinionPanel:
    """All of one book; T sessions decided, N names that were ever judged, ascending.

    Args:
        sessions: T sessions, oldest first.
        instruments: N names.
        agents: By name, ascending.
        forecasts: Of the blend.
        outcome: (T, N) total return over the horizon from the open of t+1, a fraction; NaN where it
            has not matured or the name did not trade.
    """

    sessions: tuple[date, ...]
    instruments: tuple[InstrumentId, ...]
    agents: Mapping[AgentId, AgentPanel]
    forecasts: ForecastPanel
    outcome: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeWindow:
    """Where outcomes come from.

    Args:
        source: Bars and corporate actions.
        settled: Sessions of the market without a hole, oldest first.
        horizon: Sessions from the open of t+1 to the open of t+1+horizon.
        known_at: When the reader stands.
    """

    source: MarketSource
    settled: Sequence[date]
    horizon: int
    known_at: datetime


def read_panel(decisions: Iterable[Decision], values: ValueStore, window: OutcomeWindow) -> OpinionPanel:
    """Read every opinion and forecast of a book once.

    Args:
        decisions: Of one book, oldest first; those without inputs are left out.
        values: Where opinions and forecasts are stored.
        window: For the outcomes.
    """
    judged = [decision for decision in decisions if decision.inputs is not None]
    opinions = [[decode_opinions(values.get(ref)) for ref in decision.opinions.values()] for decision in judged]
    sessions = tuple(decision.session for decision in judged)
    names = tuple(sorted({name for row in opinions for each in row for name in each.instruments}))
    shape = (len(sessions), len(names))
    agents = {agent: _new_agent_panel(shape) for agent in sorted({each.agent for row in opinions for each in row})}
    for row, given in enumerate(opinions):
        for each in given:
            _enter_opinions(agents[each.agent], row, _locate(names, each.instruments), each)
    return OpinionPanel(
        sessions=sessions,
        instruments=names,
        agents=agents,
        forecasts=_read_forecasts(judged, values, names),
        outcome=_read_outcomes(sessions, names, window),
    )


def _new_agent_panel(shape: tuple[int, int]) -> AgentPanel:
    return AgentPanel(
        score=np.full(shape, np.nan),
        confidence=np.full(shape, np.nan),
        abstention=np.full(shape, NOT_ASKED, dtype=np.int8),
    )


def _enter_opinions(panel: AgentPanel, row: int, columns: Sequence[int], given: Opinions) -> None:
    panel.score[row, columns] = given.score
    panel.confidence[row, columns] = given.confidence
    panel.abstention[row, columns] = given.abstention


def _read_forecasts(decisions: Sequence[Decision], values: ValueStore, names: Sequence[InstrumentId]) -> ForecastPanel:
    shape = (len(decisions), len(names))
    panel = ForecastPanel(
        probability_up=np.full(shape, np.nan), quantiles=np.full((*shape, len(QUANTILE_LEVELS)), np.nan)
    )
    for row, decision in enumerate(decisions):
        if decision.forecasts is not None:
            found = decode_forecasts(values.get(decision.forecasts))
            columns = _locate(names, found.instruments)
            panel.probability_up[row, columns] = found.probability_up
            panel.quantiles[row, columns] = found.quantiles
    return panel


def _read_outcomes(sessions: Sequence[date], names: Sequence[InstrumentId], window: OutcomeWindow) -> FloatArray:
    outcome = np.full((len(sessions), len(names)), np.nan)
    for row, held in _list_holdings(sessions, window):
        returns = realised_returns(window.source, names, held, known_at=window.known_at)
        outcome[row, _locate(names, tuple(returns))] = list(returns.values())
    return outcome


def _list_holdings(sessions: Sequence[date], window: OutcomeWindow) -> Iterator[tuple[int, Sequence[date]]]:
    """Row of each decision whose outcome has matured, with the sessions from entry to exit."""
    place = {session: at for at, session in enumerate(window.settled)}
    for row, session in enumerate(sessions):
        entry = place[session] + 1
        held = window.settled[entry : entry + window.horizon + 1]
        if len(held) == window.horizon + 1:
            yield row, held


def _locate(names: Sequence[InstrumentId], some: Sequence[InstrumentId]) -> list[int]:
    return [names.index(name) for name in some]
