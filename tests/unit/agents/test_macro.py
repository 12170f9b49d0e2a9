"""What the macro agent makes of the economy: the same for every name."""

import numpy as np
import pytest

from agents.macro import MACRO
from tests.unit.agents.examples import reason_of, score_of
from tests.unit.examples import build_view, random_closes
from tradeops.domain.opinions import Abstention

STILL = {
    "index_trend_100": 0.0,
    "index_vol_20": 0.01,
    "credit_spread_change_3m": 0.0,
    "unemployment_change_12m": 0.0,
    "cpi_growth_12m": 0.02,
}


def test_a_score_by_hand() -> None:
    z = np.array([0.3 / (0.01 * np.sqrt(100 / 3)), 0.25 / 0.25, -0.5 / 1.0, -(0.05 - 0.02) / 0.02])
    expected = np.array([0.4, 0.3, 0.2, 0.1]) @ (z / np.hypot(1, z))

    found = score_of(
        MACRO,
        index_trend_100=0.3,
        index_vol_20=0.01,
        credit_spread_change_3m=-0.25,
        unemployment_change_12m=0.5,
        cpi_growth_12m=0.05,
    )

    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("index_trend_100", 0.1, -0.1),
        ("credit_spread_change_3m", -0.3, 0.3),
        ("unemployment_change_12m", -0.8, 2.0),
    ],
)
def test_each_signal_alone_gives_its_sign(name: str, good: float, bad: float) -> None:
    assert score_of(MACRO, **{**STILL, name: good}) > 0
    assert score_of(MACRO, **{**STILL, name: bad}) < 0


def test_inflation_above_its_target_weighs_on_stocks() -> None:
    rising = {**STILL, "index_trend_100": 0.05}

    assert score_of(MACRO, **rising) > score_of(MACRO, **{**rising, "cpi_growth_12m": 0.06})


def test_index_that_does_not_move_gives_no_opinion() -> None:
    assert reason_of(MACRO, **{**STILL, "index_vol_20": 0.0}) is Abstention.NO_VARIATION


def test_stale_release_is_an_abstention_with_that_reason() -> None:
    assert reason_of(MACRO, **{**STILL, "index_trend_100": 0.1, "cpi_growth_12m": np.nan}) is Abstention.STALE_INPUT


def test_all_names_of_a_session_are_judged_alike() -> None:
    view = build_view(random_closes(1, 3, 5), features={**STILL, "index_trend_100": 0.1})

    assert len(set(MACRO.judge(view).score.tolist())) == 1
