"""The least-squares search on problems with known answers."""

import numpy as np
import pytest

from tradeops.domain.market import FloatArray
from tradeops.pricing.least_squares import minimise_squares


def test_a_valley_is_walked_to_its_end() -> None:
    found = minimise_squares(lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]), np.array([-1.2, 1.0]))
    assert found == pytest.approx([1.0, 1.0], abs=1e-7)


def test_a_straight_line_is_that_of_the_normal_equations() -> None:
    draw = np.random.default_rng(1)
    design, noise = draw.normal(size=(40, 3)), draw.normal(size=40)
    expected = np.linalg.lstsq(design, noise, rcond=None)[0]
    assert minimise_squares(lambda x: design @ x - noise, np.zeros(3)) == pytest.approx(expected, abs=1e-7)


def test_an_unknown_that_changes_nothing_stays() -> None:
    assert minimise_squares(lambda x: np.array([x[0] - 3.0]), np.array([0.0, 5.0])) == pytest.approx([3.0, 5.0])


def test_it_never_ends_worse_than_it_began() -> None:
    def jump(x: FloatArray) -> FloatArray:
        return np.array([1.0 if x[0] == 0 else 2.0 + abs(x[0])])

    assert minimise_squares(jump, np.zeros(1)) == pytest.approx([0.0])
