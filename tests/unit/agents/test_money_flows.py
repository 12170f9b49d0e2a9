"""What the money-flow agent makes of volume."""

import pytest

from agents.money_flows import MONEY_FLOWS
from tests.unit.agents.examples import reason_of, score_of
from tradeops.domain.opinions import Abstention

STILL = {"cmf_20": 0.0, "mfi_14": 0.5, "obv_20": 0.0, "volume_ratio_20": 1.0}


def test_a_score_by_hand() -> None:
    found = score_of(MONEY_FLOWS, cmf_20=0.2, mfi_14=0.7, obv_20=-0.1, volume_ratio_20=3.0)

    assert found == pytest.approx(0.35 * 0.2 + 0.25 * 0.4 - 0.3 * 0.1 + 0.1 * 0.5, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "inward", "outward"),
    [("cmf_20", 0.9, -0.9), ("mfi_14", 0.95, 0.05), ("obv_20", 0.9, -0.9), ("volume_ratio_20", 9.0, 0.1)],
)
def test_each_flow_alone_gives_its_sign(name: str, inward: float, outward: float) -> None:
    assert score_of(MONEY_FLOWS, **{**STILL, name: inward}) > 0
    assert score_of(MONEY_FLOWS, **{**STILL, name: outward}) < 0


def test_everything_inward_is_the_highest_score_and_nothing_either_way_is_no_signal() -> None:
    assert score_of(MONEY_FLOWS, cmf_20=1.0, mfi_14=1.0, obv_20=1.0, volume_ratio_20=1e9) == pytest.approx(1.0)
    assert score_of(MONEY_FLOWS, cmf_20=-1.0, mfi_14=0.0, obv_20=-1.0, volume_ratio_20=0.0) == pytest.approx(-1)
    assert reason_of(MONEY_FLOWS, **STILL) is Abstention.NO_SIGNAL
