"""Pinball loss by hand; probabilities that hold what they say, and some that do not."""

import numpy as np
import pytest

from tradeops.domain.errors import LearningError
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.learning.forecast_statistics import measure_reliability, pinball_loss, sum_losses

BOOTSTRAP = BlockBootstrap(seed="reliability", draws=200)


def test_pinball_is_the_mean_over_the_levels() -> None:
    """Outcome 1: above quantiles −1, 0, 0.5 by 2, 1, 0.5; below 2 and 3 by 1 and 2."""
    quantiles = np.array([-1.0, 0.0, 0.5, 2.0, 3.0])
    by_hand = (0.05 * 2 + 0.25 * 1 + 0.5 * 0.5 + 0.25 * 1 + 0.05 * 2) / 5
    assert float(pinball_loss(quantiles, np.array(1.0))) == pytest.approx(by_hand)
    assert np.isnan(pinball_loss(quantiles, np.array(np.nan)))


def test_true_quantiles_lose_less_than_any_others() -> None:
    outcome = np.random.default_rng(1).normal(size=20_000)
    true = np.quantile(outcome, QUANTILE_LEVELS)
    best = pinball_loss(np.broadcast_to(true, (20_000, 5)), outcome).mean()
    for other in (true + 0.1, true * 1.2, true * 0.8):
        assert pinball_loss(np.broadcast_to(other, (20_000, 5)), outcome).mean() > best


def test_losses_are_added_where_they_are_known() -> None:
    assert sum_losses(np.array([[1.0, 2.0], [np.nan, 4.0], [np.nan, np.nan]])).tolist() == [[3, 2], [4, 1], [0, 0]]


def draw_panel(sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(11)
    said = generator.uniform(0.2, 0.8, size=(2500, 4))
    true = 0.5 + sharpness * (said - 0.5)
    return said, np.where(generator.random(said.shape) < true, 0.01, -0.01)


def test_calibrated_probabilities_lie_in_their_intervals() -> None:
    said, outcome = draw_panel(1.0)
    said[0, 0] = outcome[1, 1] = np.nan
    found = measure_reliability(said, outcome, BOOTSTRAP)
    assert found.outcomes == 9998 == sum(one.count for one in found.bins)
    assert {one.count for one in found.bins} == {999, 1000}
    assert [one.forecast for one in found.bins] == sorted(one.forecast for one in found.bins)
    assert found.calibration_error < 0.03
    assert sum(one.observed.low <= one.forecast <= one.observed.high for one in found.bins) >= 8


def test_mutant_probabilities_twice_as_bold_are_seen() -> None:
    found = measure_reliability(*draw_panel(0.5), BOOTSTRAP)
    assert found.calibration_error > 0.05
    assert found.bins[0].observed.low > found.bins[0].forecast
    assert found.bins[-1].observed.high < found.bins[-1].forecast


def test_a_bin_by_hand() -> None:
    """20 sessions, one name: bins of two; the first two forecasts rose once."""
    said = np.linspace(0.3, 0.7, 20)[:, None]
    outcome = np.where(np.arange(20)[:, None] % 2 == 0, 1.0, -1.0)
    found = measure_reliability(said, outcome, BOOTSTRAP)
    assert [one.observed.value for one in found.bins] == [0.5] * 10
    assert found.bins[0].forecast == pytest.approx(float(said[:2].mean()))


def test_too_few_outcomes_are_refused() -> None:
    with pytest.raises(LearningError):
        measure_reliability(np.full((9, 1), 0.5), np.ones((9, 1)), BOOTSTRAP)
