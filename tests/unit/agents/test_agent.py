"""What holds for every agent: bounds, reasons, and that a case's opinion depends on nothing beside it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.agent import PRIOR_CONFIDENCE, FeatureAgent, Features, squash
from agents.roster import AGENTS
from agents.technical import TECHNICAL
from tests.unit.agents.examples import ask, draw_features, reason_of
from tests.unit.examples import build_view, random_closes
from tradeops.domain.errors import AgentError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray, MarketView
from tradeops.domain.opinions import Abstention
from tradeops.features.declarations import FEATURES

COUNT = 6
GOOD = {"vol_60": 0.02, "sma_ratio_100": 0.2, "momentum_120_20": 0.2, "ret_5": -0.01}
MISSING = {declared.name: declared.missing for declared in FEATURES}
every_agent = pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS.keys())


def make_view(features: dict[str, FloatArray], chosen: list[int]) -> MarketView:
    names = tuple(InstrumentId(f"N{number}") for number in range(len(chosen)))
    picked = {name: values[chosen] for name, values in features.items()}
    return build_view(random_closes(1, 3, len(chosen)), names=names, features=picked)


def bits(*columns: np.ndarray) -> list[tuple[bytes, ...]]:
    """One entry a case."""
    return [tuple(column[at].tobytes() for column in columns) for at in range(len(columns[0]))]


def check_each_case_alone(agent: FeatureAgent, features: dict[str, FloatArray], chosen: list[int]) -> None:
    """Whole batch, some cases in any order, and a view of them: the same bits a case."""
    whole = agent.assess(features)
    together = bits(whole.score, whole.confidence, whole.abstention)
    some = agent.assess({name: values[chosen] for name, values in features.items()})
    said = agent.judge(make_view(features, chosen))
    assert bits(some.score, some.confidence, some.abstention) == [together[at] for at in chosen]
    assert bits(said.score, said.confidence, said.abstention) == [together[at] for at in chosen]


@every_agent
@given(data=st.data())
def test_score_and_confidence_are_bounded_and_an_abstention_has_neither(
    agent: FeatureAgent, data: st.DataObject
) -> None:
    said = agent.assess(data.draw(draw_features(agent, COUNT)))

    spoke = said.abstention == Abstention.NONE
    assert (np.abs(said.score[spoke]) <= 1).all()
    assert (np.abs(said.score[spoke]) >= agent.smallest_score).all()
    assert set(said.confidence[spoke].tolist()) <= {agent.confidence}
    assert np.isnan(said.score[~spoke]).all()
    assert np.isnan(said.confidence[~spoke]).all()


@every_agent
@given(data=st.data())
def test_other_cases_and_their_order_change_no_bit(agent: FeatureAgent, data: st.DataObject) -> None:
    features = data.draw(draw_features(agent, COUNT))
    chosen = data.draw(st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=COUNT, unique=True))

    check_each_case_alone(agent, features, chosen)


def test_mutant_that_looks_at_the_other_cases_is_found() -> None:
    def demeaned(features: Features) -> FloatArray:
        return squash(features["sma_ratio_100"] - np.nanmean(features["sma_ratio_100"]))

    features = {name: np.linspace(value, 3 * value, COUNT) for name, value in GOOD.items()}
    check_each_case_alone(TECHNICAL, features, [3, 1])
    with pytest.raises(AssertionError):
        check_each_case_alone(replace(TECHNICAL, score=demeaned), features, [3, 1])


@every_agent
@given(data=st.data())
def test_unknown_feature_is_an_abstention_with_the_reason_of_its_declaration(
    agent: FeatureAgent, data: st.DataObject
) -> None:
    features = data.draw(draw_features(agent, COUNT))
    said = agent.assess(features)

    for at in range(COUNT):
        unknown = [name for name in agent.specification.features if np.isnan(features[name][at])]
        if unknown:
            assert said.abstention[at] == MISSING[unknown[0]] != Abstention.NONE
        else:
            assert said.abstention[at] in (Abstention.NONE, Abstention.NO_VARIATION, Abstention.NO_SIGNAL)


def test_signals_that_cancel_are_no_signal() -> None:
    assert reason_of(TECHNICAL, **GOOD) is Abstention.NONE
    assert reason_of(replace(TECHNICAL, smallest_score=0.9), **GOOD) is Abstention.NO_SIGNAL


def test_feature_that_was_not_declared_cannot_be_read() -> None:
    greedy = replace(TECHNICAL, score=lambda features: features["ret_1"])

    with pytest.raises(AgentError, match="'ret_1' is not declared"):
        ask(greedy, ret_1=0.1, **GOOD)


def test_features_that_were_not_declared_are_not_looked_at() -> None:
    assert ask(TECHNICAL, **GOOD).score == ask(TECHNICAL, ret_1=np.nan, **GOOD).score


def test_declared_feature_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AgentError, match="technical needs sma_ratio_100, ret_5"):
        ask(TECHNICAL, vol_60=0.02, momentum_120_20=0.1)
    with pytest.raises(AgentError, match="build those features first"):
        TECHNICAL.judge(build_view(random_closes(1, 130, 2)))


@every_agent
def test_specification_names_declared_features_once(agent: FeatureAgent) -> None:
    declared = agent.specification.features

    assert declared
    assert len(set(declared)) == len(declared)
    assert set(declared) <= set(MISSING)
    assert agent.confidence == PRIOR_CONFIDENCE == 0.05
