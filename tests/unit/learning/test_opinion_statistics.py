"""Rank correlation and signs against scipy and by hand; sums of blocks against resampled series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import rankdata, spearmanr

from tradeops.domain.errors import LearningError
from tradeops.learning.block_bootstrap import BlockBootstrap
from tradeops.learning.opinion_statistics import (
    correlate_sums,
    divide_sums,
    rank_average,
    sum_rank_products,
    sum_sign_hits,
)

NAN = float("nan")


@given(arrays.arrays(np.float64, st.integers(1, 40), elements=st.integers(-3, 3).map(float)))
def test_ties_share_their_mean_rank(values: np.ndarray) -> None:
    assert rank_average(values).tolist() == rankdata(values).tolist()


def random_panel(seed: int, effect: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    score = np.round(generator.normal(size=(300, 4)), 1)
    outcome = effect * score + generator.normal(size=(300, 4))
    score[generator.random(score.shape) < 0.2] = NAN
    outcome[-6:] = NAN
    return score, outcome


@pytest.mark.parametrize("effect", [0.0, 0.4, -0.4])
def test_the_information_coefficient_is_spearmans_over_all_known_pairs(effect: float) -> None:
    score, outcome = random_panel(3, effect)
    known = np.isfinite(score) & np.isfinite(outcome)
    found = float(correlate_sums(sum_rank_products(score, outcome).sum(axis=0)))
    assert found == pytest.approx(spearmanr(score[known], outcome[known]).statistic, abs=1e-12)


def test_a_planted_effect_is_found_and_none_where_there_is_none() -> None:
    for effect, wanted in ((0.4, True), (0.0, False)):
        found = BlockBootstrap(seed="ic").estimate_sums(sum_rank_products(*random_panel(5, effect)), correlate_sums)
        assert (found.low > 0) is wanted
        assert found.low <= found.value <= found.high


def test_a_score_that_never_varies_says_nothing() -> None:
    _, outcome = random_panel(1, 0.0)
    assert float(correlate_sums(sum_rank_products(np.full_like(outcome, 0.3), outcome).sum(axis=0))) == 0.0


def test_mutant_shuffled_outcomes_lose_the_planted_effect() -> None:
    score, outcome = random_panel(5, 0.4)
    found = BlockBootstrap(seed="ic").estimate_sums(sum_rank_products(score, outcome[::-1]), correlate_sums)
    assert found.low < 0 < found.high


def test_signs_are_counted_where_there_are_two() -> None:
    score = np.array([[0.5, -0.2, NAN], [0.0, 0.3, -0.1]])
    outcome = np.array([[0.01, 0.02, 0.03], [0.01, NAN, 0.0]])
    assert sum_sign_hits(score, outcome).tolist() == [[1, 2], [0, 0]]
    assert float(divide_sums(np.array([1.0, 2.0]))) == 0.5
    assert np.isnan(divide_sums(np.array([0.0, 0.0])))


def test_sums_of_blocks_are_those_of_the_resampled_series() -> None:
    """Same seed, same draws: a mean from sums is the mean of the series, draw by draw."""
    series = np.random.default_rng(2).normal(size=333)
    bootstrap = BlockBootstrap(seed="sums", draws=300)
    rows = np.stack([series, np.ones(333)], axis=-1)
    plain = bootstrap.estimate(series, lambda resampled: resampled.mean(axis=-1))
    summed = bootstrap.estimate_sums(rows, divide_sums)
    assert (summed.value, summed.low, summed.high) == pytest.approx((plain.value, plain.low, plain.high), abs=1e-12)


def test_a_statistic_without_a_value_and_a_short_series_are_refused() -> None:
    bootstrap = BlockBootstrap(seed="nothing")
    with pytest.raises(LearningError):
        bootstrap.estimate_sums(np.zeros((50, 2)), divide_sums)
    with pytest.raises(LearningError):
        bootstrap.estimate_sums(np.ones((19, 2)), divide_sums)
