"""What the agent makes of leaders and laggards."""

import pytest

from agents.top_performers import TOP_PERFORMERS
from tests.unit.agents.examples import reason_of, score_of
from tradeops.domain.opinions import Abstention

MIDDLE = {"rank_momentum": 0.5, "rank_ret_20": 0.5, "drawdown_120": -0.25}


def test_a_score_by_hand() -> None:
    found = score_of(TOP_PERFORMERS, rank_momentum=0.75, rank_ret_20=0.25, drawdown_120=-0.1)

    assert found == pytest.approx(0.5 * 0.5 - 0.3 * 0.5 + 0.2 * 0.6, abs=1e-12)


def test_leader_at_its_high_and_laggard_far_below_it_are_the_extremes() -> None:
    assert score_of(TOP_PERFORMERS, rank_momentum=1.0, rank_ret_20=1.0, drawdown_120=0.0) == pytest.approx(1.0)
    assert score_of(TOP_PERFORMERS, rank_momentum=0.0, rank_ret_20=0.0, drawdown_120=-0.9) == pytest.approx(-1.0)


@pytest.mark.parametrize("name", ["rank_momentum", "rank_ret_20"])
def test_each_rank_alone_gives_its_sign(name: str) -> None:
    assert score_of(TOP_PERFORMERS, **{**MIDDLE, name: 0.75}) > 0
    assert score_of(TOP_PERFORMERS, **{**MIDDLE, name: 0.25}) < 0


def test_leader_near_its_high_is_worth_more_than_one_far_below_it() -> None:
    near, far = (score_of(TOP_PERFORMERS, rank_momentum=1.0, rank_ret_20=0.5, drawdown_120=d) for d in (-0.01, -0.4))

    assert near > far > 0


@pytest.mark.parametrize("drawdown", [0.0, -0.25, -0.6])
def test_name_in_the_middle_as_one_without_others_is_gives_no_signal(drawdown: float) -> None:
    assert reason_of(TOP_PERFORMERS, **{**MIDDLE, "drawdown_120": drawdown}) is Abstention.NO_SIGNAL
