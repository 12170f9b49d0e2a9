"""What the technical agent says, when it says nothing, and that it cannot see ahead."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from agents.roster import Agent, build_roster
from agents.technical import PRIOR_CONFIDENCE, SPECIFICATION, TechnicalAgent
from tests.unit.examples import base_policy, build_view, random_closes
from tests.unit.features.test_features import cut, make_view
from tradeops.domain.errors import ConfigurationError, NotKnownYet
from tradeops.domain.identifiers import AgentId
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.opinions import Abstention, AgentSpecification, Opinions

ROWS = SPECIFICATION.lookback


def judge_closes(closes: FloatArray, **columns: float) -> Opinions:
    return TechnicalAgent().judge(build_view(closes, **columns))


def drift(daily: float, seed: int = 5) -> FloatArray:
    noise = np.random.default_rng(seed).normal(0, 0.01, (ROWS, 1))
    closes: FloatArray = np.round(100 * np.exp(np.cumsum(noise - noise.mean() + daily, axis=0)), 2)
    return closes


def test_it_follows_a_trend_and_says_how_sure_it_is() -> None:
    up, down = judge_closes(drift(0.005)), judge_closes(drift(-0.005))
    assert up.score[0] > 0.3 and down.score[0] < -0.3
    assert up.confidence[0] == PRIOR_CONFIDENCE <= 0.05


def test_it_expects_a_jump_to_revert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.technical.WEIGHTS", (0.0, 0.0, 1.0))
    jumped = drift(0.0)
    jumped[-3:] *= 1.15
    assert judge_closes(jumped).score[0] < -0.9


def test_a_score_by_hand() -> None:
    closes = random_closes(11, ROWS, 1)
    index = closes[:, 0] / closes[0, 0]
    returns = index[1:] / index[:-1] - 1
    sigma = np.std(returns[-60:], ddof=1)
    moves = (
        (index[-1] / index[-100:].mean() - 1) / (sigma * np.sqrt(100 / 3)),
        (index[105] / index[0] - 1) / (sigma * np.sqrt(105)),
        -(index[-1] / index[-6] - 1) / (sigma * np.sqrt(5)),
    )
    trend, momentum, reversion = (z / np.hypot(1, z) for z in moves)
    expected = 0.4 * trend + 0.4 * momentum + 0.2 * reversion
    assert judge_closes(closes).score[0] == pytest.approx(expected, abs=1e-12)


def test_it_abstains_with_a_reason_for_each_instrument() -> None:
    closes = np.hstack([drift(0.005), random_closes(2, ROWS, 3)])
    closes[:, 1] = 10.0  # does not vary
    closes[:50, 2] = np.nan  # was not there yet
    opinions = TechnicalAgent().judge(build_view(closes, volumes=np.array([1e6, 1e6, 1e6, 0.0])))
    expected = [Abstention.NONE, Abstention.NO_VARIATION, Abstention.TOO_LITTLE_HISTORY, Abstention.STALE_INPUT]
    assert opinions.abstention.tolist() == [int(reason) for reason in expected]
    assert np.isnan(opinions.score[1:]).all() and np.isfinite(opinions.score[0])


def test_it_abstains_when_signals_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.technical.SMALLEST_SCORE", 1.0)
    assert judge_closes(drift(0.005)).abstention.tolist() == [int(Abstention.NO_SIGNAL)]


def test_it_abstains_everywhere_when_the_view_is_short() -> None:
    opinions = TechnicalAgent().judge(build_view(random_closes(2, ROWS - 1, 3)))
    assert opinions.abstention.tolist() == [int(Abstention.TOO_LITTLE_HISTORY)] * 3


def check_sees_no_more_than_its_lookback(agent: Agent, market: MarketView, last: int) -> None:
    """The same opinion from all history and from the look-back alone, whatever comes later."""
    lookback = agent.specification.lookback
    whole, only = (agent.judge(cut(market, first, last - first)) for first in (0, last - lookback))
    assert whole.score.tobytes() == only.score.tobytes()
    assert whole.abstention.tobytes() == only.abstention.tobytes()


@pytest.mark.parametrize("last", [ROWS, ROWS + 1, 150])
def test_nothing_outside_the_lookback_changes_a_bit(last: int) -> None:
    check_sees_no_more_than_its_lookback(TechnicalAgent(), make_view(7, 160), last)


@dataclass(frozen=True)
class LookAheadAgent:
    """Scores by the next session's return, taken from wherever it can get it."""

    market: MarketView | None = None
    specification: AgentSpecification = SPECIFICATION

    def judge(self, view: MarketView) -> Opinions:
        source = view if self.market is None else self.market
        following = next(day for day in make_view(7, 160).sessions if day > view.session)
        moves = [
            source.value("close", n, following) / view.value("close", n, view.session) - 1 for n in view.instruments
        ]
        return Opinions(
            agent=self.specification.agent,
            instruments=view.instruments,
            score=np.clip(np.array(moves), -1, 1),
            confidence=np.ones(len(moves)),
            abstention=np.zeros(len(moves), dtype=np.int8),
        )


def judge_with_other_future(agent_of: type[LookAheadAgent] | type[TechnicalAgent], market: MarketView) -> bytes:
    leaks = agent_of is LookAheadAgent
    agent: Agent = LookAheadAgent(market) if leaks else TechnicalAgent()
    return agent.judge(cut(market, 0, 150)).score.tobytes()


def test_mutant_that_looks_ahead_is_found() -> None:
    """Behind the view it gets `NotKnownYet`; past the view, another future changes its opinion."""
    market = make_view(7, 160)
    with pytest.raises(NotKnownYet):
        LookAheadAgent().judge(cut(market, 0, 150))
    closes = market.columns["close"].copy()
    closes[150:] *= 1.5
    other = replace(market, columns={**market.columns, "close": closes})
    assert judge_with_other_future(LookAheadAgent, market) != judge_with_other_future(LookAheadAgent, other)
    assert judge_with_other_future(TechnicalAgent, market) == judge_with_other_future(TechnicalAgent, other)


def test_mutant_that_reads_further_back_is_found() -> None:
    class Greedy(TechnicalAgent):
        def judge(self, view: MarketView) -> Opinions:
            opinions = super().judge(view)
            return replace(opinions, score=opinions.score * (1 - 1e-12 * len(view.sessions)))

    with pytest.raises(AssertionError):
        check_sees_no_more_than_its_lookback(Greedy(), make_view(7, 160), 150)


def test_the_roster_is_built_from_the_policy() -> None:
    (agent,) = build_roster(base_policy())
    assert agent.specification == SPECIFICATION
    assert SPECIFICATION.lookback <= base_policy().universe.lookback


def test_an_unknown_agent_is_a_configuration_error() -> None:
    policy = replace(base_policy(), roster={AgentId("technical"): 1.0, AgentId("oracle"): 1.0})
    with pytest.raises(ConfigurationError, match="oracle"):
        build_roster(policy)
