"""The pipeline can earn: an agent that is told tomorrow's return is worth money after costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from tests.fakes.loaded_market import copy_loaded_market
from tradeops.bootstrap.policy import load_policy
from tradeops.bootstrap.runtime import Runtime, open_runtime
from tradeops.domain.identifiers import AgentId, BookId, InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.opinions import Abstention, AgentSpecification, Opinions, OpinionTarget
from tradeops.domain.policy import TradingPolicy
from tradeops.learning.realised_returns import HoldingPeriod, total_return
from tradeops.settings import Settings

UNTIL = date(2005, 2, 25)
ORACLE = AgentSpecification(agent=AgentId("oracle"), version=1, target=OpinionTarget.RETURN, horizon=1, features=())
SESSIONS_A_YEAR = 252
Foresight = Mapping[tuple[InstrumentId, date], float]


@dataclass(frozen=True)
class ToldAgent:
    """Says the sign of the return from open t+1 to open t+2, which it was handed outside the view."""

    returns: Foresight
    specification: AgentSpecification = ORACLE

    def judge(self, view: MarketView) -> Opinions:
        found = np.array([self.returns.get((name, view.session), np.nan) for name in view.instruments])
        return say_signs(view, found)


def say_signs(view: MarketView, returns: np.ndarray) -> Opinions:
    spoke = np.isfinite(returns) & (returns != 0)
    return Opinions(
        agent=ORACLE.agent,
        instruments=view.instruments,
        score=np.where(spoke, np.sign(returns), np.nan),
        confidence=np.where(spoke, 1.0, np.nan),
        abstention=np.where(spoke, Abstention.NONE, Abstention.NOT_KNOWN_YET).astype(np.int8),
    )


def policy_with_oracle() -> TradingPolicy:
    return replace(load_policy(), roster={ORACLE.agent: 1.0})


def look_ahead(runtime: Runtime) -> Foresight:
    """Total returns from open t+1 to open t+2 of all that is loaded, read at the end of time."""
    source, calendar, last = runtime.source, runtime.calendar, runtime.ledger.market_clock()
    assert last is not None
    known_at = calendar.closes_at(last).replace(year=2014)
    sessions = calendar.sessions(source.first_session, last)
    found = {}
    for today, entry, leave in zip(sessions, sessions[1:], sessions[2:], strict=False):
        actions = source.actions(leave, known_at=known_at)
        for name in source.instruments:
            first, last = (source.bar(name, day, known_at=known_at) for day in (entry, leave))
            if first and last:
                own = [action for action in actions if action.instrument == name]
                found[name, today] = total_return(HoldingPeriod(entry=first.open, exit=last.open, actions=own))
    return found


def daily_returns(runtime: Runtime) -> np.ndarray:
    equity = [float(settlement.equity) for settlement in runtime.ledger.list_settlements(BookId())]
    return np.diff(equity) / equity[:-1]


def sharpe(returns: np.ndarray) -> float:
    return float(returns.mean() / returns.std(ddof=1) * math.sqrt(SESSIONS_A_YEAR))


def decide(folder: Path, until: date, *, sign: float = 1.0) -> tuple[float, float, int]:
    copy_loaded_market(folder)
    with open_runtime(Settings(state_dir=folder), policy=policy_with_oracle()) as opened:
        returns = {key: sign * value for key, value in look_ahead(opened).items()}
        runtime = replace(opened, build_roster=lambda _: (ToldAgent(returns),))
        decided = runtime.decide_sessions(until=until).decided
        earned = daily_returns(runtime)
        return sharpe(earned), float(np.prod(1 + earned)), decided


def test_agent_that_is_told_the_next_return_has_a_sharpe_above_five_net_of_costs(scratch: Path) -> None:
    found, growth, decided = decide(scratch / "oracle", UNTIL)

    assert decided >= 1000
    assert growth > 1
    assert found > 5


def test_agent_that_is_told_the_opposite_loses(scratch: Path) -> None:
    found, growth, _ = decide(scratch / "contrary", date(2002, 2, 28), sign=-1.0)

    assert growth < 1
    assert found < 0
