"""Bounds against their definition."""

import math

import pytest
from scipy.stats import binom

from tests.evidence.figures import bound_rate, describe_times


@pytest.mark.parametrize("sample", [1, 15, 300, 1000])
def test_nothing_found_bounds_the_rate_by_its_closed_form(sample: int) -> None:
    assert bound_rate(0, sample) == pytest.approx(1 - 0.05 ** (1 / sample), rel=1e-12)


@pytest.mark.parametrize(("events", "sample"), [(1, 15), (3, 300), (299, 300)])
def test_at_the_bound_so_few_events_have_a_chance_of_one_in_twenty(events: int, sample: int) -> None:
    assert binom.cdf(events, sample, bound_rate(events, sample)) == pytest.approx(0.05, rel=1e-9)


def test_everything_found_bounds_nothing() -> None:
    assert bound_rate(7, 7) == 1.0


def test_times_are_told_by_their_middle_and_their_tail() -> None:
    found = describe_times([float(n) for n in range(1, 102)])

    assert found["median"] == 51
    assert math.isclose(found["p99"], 100)
    assert found["max"] == 101
