"""What the technical agent makes of trend, momentum and reversal."""

import numpy as np
import pytest

from agents.technical import TECHNICAL
from tests.unit.agents.examples import reason_of, score_of
from tradeops.domain.opinions import Abstention

STILL = {"vol_60": 0.01, "sma_ratio_100": 0.0, "momentum_120_20": 0.0, "ret_5": 0.0}


def test_a_score_by_hand() -> None:
    # At 1 % a day 20 % in 100 sessions are two standard deviations.
    z = np.array([0.06 / (0.01 * np.sqrt(100 / 3)), 2.0, -0.03 / (0.01 * np.sqrt(5))])
    expected = np.array([0.4, 0.4, 0.2]) @ (z / np.hypot(1, z))

    found = score_of(TECHNICAL, vol_60=0.01, sma_ratio_100=0.06, momentum_120_20=0.2, ret_5=0.03)

    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "sign"), [("sma_ratio_100", 1), ("momentum_120_20", 1), ("ret_5", -1)])
def test_trend_and_momentum_go_on_and_last_week_reverts(name: str, sign: int) -> None:
    assert sign * score_of(TECHNICAL, **{**STILL, name: 0.3}) > 0
    assert sign * score_of(TECHNICAL, **{**STILL, name: -0.3}) < 0


def test_same_momentum_says_less_of_a_wilder_name() -> None:
    calm, wild = (score_of(TECHNICAL, **{**STILL, "momentum_120_20": 0.3, "vol_60": vol}) for vol in (0.01, 0.04))

    assert calm > wild > 0


def test_price_that_does_not_move_gives_no_opinion() -> None:
    assert reason_of(TECHNICAL, **{**STILL, "vol_60": 0.0}) is Abstention.NO_VARIATION
    assert reason_of(TECHNICAL, **STILL) is Abstention.NO_SIGNAL
