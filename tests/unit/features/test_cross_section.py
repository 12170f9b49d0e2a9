"""Ranks and breadth against plain Python."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradeops.features.cross_section import measure_breadth, rank_names

# Some differ by less than is compared.
VALUES = st.lists(
    st.one_of(st.just(math.nan), st.sampled_from([0.1, 0.1 + 1e-14, -0.2, 0.0]), st.floats(-1.0, 1.0)), max_size=8
)


def rank_plainly(values: list[float]) -> list[float]:
    known = [(round(value, 12), place) for place, value in enumerate(values) if not math.isnan(value)]
    ranks = {place: rank for rank, (_, place) in enumerate(sorted(known))}
    if len(known) == 1:
        return [0.5 if place in ranks else math.nan for place in range(len(values))]
    return [ranks[place] / (len(known) - 1) if place in ranks else math.nan for place in range(len(values))]


@given(VALUES)
def test_ranks_equal_those_of_sorting(values: list[float]) -> None:
    np.testing.assert_array_equal(rank_names(np.array(values, dtype=float)), rank_plainly(values))


def test_rounding_noise_decides_no_rank() -> None:
    assert rank_names(np.array([0.3, 0.1 + 0.2, 0.3 - 1e-16, 0.2])).tolist() == [1 / 3, 2 / 3, 1.0, 0.0]


@given(VALUES)
def test_breadth_counts_the_names_above_their_mean(values: list[float]) -> None:
    known = [value for value in values if not math.isnan(value)]
    expected = sum(value > 0 for value in known) / len(known) if known else math.nan
    np.testing.assert_equal(measure_breadth(np.array(values, dtype=float)), expected)
