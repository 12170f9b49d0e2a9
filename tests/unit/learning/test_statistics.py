"""Figures of a series against plain formulas, and the coverage of the bootstrap's interval."""

import math
from itertools import pairwise
from statistics import mean, stdev

import numpy as np
import pytest

from tradeops.domain.errors import LearningError
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.learning.return_statistics import (
    annualise_return,
    annualise_volatility,
    largest_drawdown,
    session_returns,
    sharpe_ratio,
)

EQUITIES = np.array([100.0, 110.0, 99.0, 120.0, 90.0, 95.0])


def test_figures_are_those_of_the_textbook() -> None:
    returns = [b / a - 1 for a, b in pairwise(EQUITIES)]
    found = session_returns(EQUITIES)
    assert found.tolist() == pytest.approx(returns)
    assert float(annualise_return(found)) == pytest.approx((95 / 100) ** (252 / 5) - 1)
    assert float(annualise_volatility(found)) == pytest.approx(stdev(returns) * math.sqrt(252))
    assert float(sharpe_ratio(found)) == pytest.approx(mean(returns) / stdev(returns) * math.sqrt(252))
    assert largest_drawdown(EQUITIES) == pytest.approx(90 / 120 - 1)


def test_a_book_that_never_moves_has_no_sharpe_and_no_drawdown() -> None:
    flat = np.full(50, 100.0)
    assert float(sharpe_ratio(session_returns(flat))) == 0.0
    assert largest_drawdown(flat) == 0.0


@pytest.mark.parametrize("equities", [[100.0], [100.0, 0.0], [100.0, -5.0, 10.0], [100.0, math.nan]])
def test_returns_need_positive_equities(equities: list[float]) -> None:
    with pytest.raises(LearningError):
        session_returns(np.array(equities))


def test_equal_names_draw_equal_blocks_and_other_names_others() -> None:
    series = np.random.default_rng(1).normal(size=300)
    one, same, other = (BlockBootstrap(seed=name, draws=200).estimate(series, _mean) for name in ("a", "a", "b"))
    assert one == same and one != other and one.value == other.value


def test_blocks_keep_neighbours_and_columns_together() -> None:
    rows = np.arange(40.0)

    def broken_neighbours(resampled: np.ndarray) -> np.ndarray:
        steps = np.diff(resampled[..., 0], axis=-1)
        apart = (resampled[..., 1] != -resampled[..., 0]).sum(axis=-1)
        return ((steps != 1) & (steps != -39)).sum(axis=-1) + 1000.0 * apart

    found = BlockBootstrap(seed="neighbours", block=10, draws=100).estimate(
        np.stack([rows, -rows], axis=-1), broken_neighbours
    )
    assert 0 <= found.low <= found.high <= 3  # four blocks meet at three seams


def test_the_interval_covers_the_mean_of_dependent_series_about_as_often_as_it_says() -> None:
    """200 autoregressive series: 95 % covers 190; blocks of 20 lose a little. Single draws do far worse."""
    generator = np.random.default_rng(7)
    hits = {20: 0, 1: 0}
    for number in range(200):
        noise = generator.normal(size=1050)
        series = np.zeros(1050)
        for row in range(1, 1050):
            series[row] = 0.5 * series[row - 1] + noise[row]
        for block in hits:
            found = BlockBootstrap(seed=f"coverage/{number}", block=block, draws=200).estimate(series[50:], _mean)
            hits[block] += found.low <= 0 <= found.high
    assert hits[20] >= 172 and hits[1] <= 160


def test_a_series_shorter_than_a_block_is_refused() -> None:
    with pytest.raises(LearningError):
        BlockBootstrap(seed="short").estimate(np.zeros(19), _mean)


def _mean(series: np.ndarray) -> np.ndarray:
    return series.mean(axis=-1)
