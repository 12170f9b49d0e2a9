"""Mean and probability of a row of quantiles, against integration and the shared-residual form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeops.coordination.quantile_distribution import compute_knots, compute_mean, compute_probability_positive
from tradeops.coordination.residuals import compute_probability_up
from tradeops.domain.forecasts import QUANTILE_LEVELS

ROWS = st.lists(st.floats(-5, 5), min_size=5, max_size=5).map(sorted)


def test_the_example_by_hand() -> None:
    """Knots −3 −2 −1 0 1 2 3: symmetric, mean 0, half above. Moved by 1: mean 1, and zero is the 25 % quantile."""
    rows = np.array([[-2.0, -1.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(compute_knots(rows)[0], [-3, -2, -1, 0, 1, 2, 3])
    np.testing.assert_allclose(compute_mean(rows), [0.0, 1.0], atol=1e-15)
    np.testing.assert_allclose(compute_probability_positive(rows), [0.5, 0.75], atol=1e-15)


@given(ROWS)
def test_the_mean_is_the_integral_of_the_quantile_function(row: list[float]) -> None:
    levels = (np.arange(200_000) + 0.5) / 200_000
    knots = compute_knots(np.array([row]))[0]
    integral = np.interp(levels, np.array((0.0, *QUANTILE_LEVELS, 1.0)), knots).mean()
    assert compute_mean(np.array([row]))[0] == pytest.approx(integral, abs=1e-6)


@given(ROWS, st.floats(-4, 4))
def test_rows_agree_with_the_form_for_shared_residuals(residuals: list[float], mean: float) -> None:
    spread = np.array(residuals) + np.arange(5) * 1e-3  # no two equal: there an atom is a matter of convention
    shared = compute_probability_up(np.array([mean]), spread)
    assert compute_probability_positive(mean + spread[None, :])[0] == pytest.approx(shared[0], abs=1e-9)


@given(ROWS)
def test_probability_and_mean_stay_within_their_bounds(row: list[float]) -> None:
    rows = np.array([row])
    knots = compute_knots(rows)[0]
    assert 0.0 <= compute_probability_positive(rows)[0] <= 1.0
    assert knots[0] - 1e-12 <= compute_mean(rows)[0] <= knots[-1] + 1e-12


def test_an_atom_counts_where_it_lies() -> None:
    assert compute_probability_positive(np.array([[-1.0] * 5, [0.0] * 5, [1.0] * 5])).tolist() == [0.0, 0.0, 1.0]
