"""Exponential, logarithm and Mills' ratio against the C library, scipy and decimal arithmetic."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numba import njit
from scipy import special

from tests.unit.pricing.mills_fit import fit_mills
from tradeops.domain.market import FloatArray
from tradeops.pricing.american_kernels import SINES, WEIGHTS
from tradeops.pricing.elementary_kernels import (
    MILLS_OVER,
    MILLS_UNDER,
    exponential,
    logarithm,
    mills_ratio,
    normal_below,
)

ULP = 2.0**-52


def over(function: Callable[[float], float], points: FloatArray) -> FloatArray:
    @njit(error_model="numpy")
    def each(points: FloatArray) -> FloatArray:
        found = np.empty_like(points)
        for at in range(len(points)):
            found[at] = function(points[at])
        return found

    result: FloatArray = each(points)
    return result


def worst(found: FloatArray, expected: FloatArray) -> float:
    return float(np.abs(found / expected - 1.0).max())


def test_exponential_is_right_to_an_ulp() -> None:
    points = np.concatenate([np.linspace(-707.9, 708.9, 100_001), np.linspace(-1.0, 1.0, 100_001)])
    assert worst(over(exponential, points), np.array([math.exp(x) for x in points])) <= 1.5 * ULP


def test_exponential_is_clamped_beyond_its_range() -> None:
    low, high, zero = over(exponential, np.array([-1e300, 1e300, 0.0]))
    assert low == pytest.approx(math.exp(-708.0), rel=1e-15)
    assert high == pytest.approx(math.exp(709.0), rel=1e-15)
    assert zero == 1.0


def test_logarithm_is_right_to_two_ulp() -> None:
    points = np.exp(np.concatenate([np.linspace(-690.0, 690.0, 100_001), np.linspace(-1.0, 1.0, 100_000)]))
    points = points[points != 1.0]
    assert worst(over(logarithm, points), np.array([math.log(x) for x in points])) <= 2.5 * ULP
    assert over(logarithm, np.array([1.0])).tolist() == [0.0]


def test_mills_ratio_and_normal_probability_are_right() -> None:
    points = np.linspace(0.0, 40.0, 100_001)
    expected = special.erfcx(points / math.sqrt(2.0)) * math.sqrt(math.pi / 2.0)
    assert worst(over(mills_ratio, points), expected) <= 10 * ULP
    points = np.linspace(-8.0, 8.0, 100_001)
    assert np.abs(over(normal_below, points) - special.ndtr(points)).max() <= 2 * ULP


def test_coefficients_are_those_of_exact_arithmetic() -> None:
    numerator, denominator = fit_mills()
    assert pytest.approx(numerator, rel=1e-14) == MILLS_OVER
    assert pytest.approx(denominator, rel=1e-14) == MILLS_UNDER


def test_quadrature_points_are_gauss_and_legendres() -> None:
    points, weights = np.polynomial.legendre.leggauss(20)
    angle = math.asin(math.sqrt((math.sqrt(5.0) - 1.0) / 2.0))
    assert pytest.approx(np.sin(angle * (points + 1.0) / 2.0), abs=1e-15) == np.array(SINES)
    assert pytest.approx(weights * angle / (4.0 * math.pi), abs=1e-15) == np.array(WEIGHTS)


def test_mutant_a_coefficient_off_by_one_in_the_twelfth_digit_is_found() -> None:
    points = np.linspace(0.0, 40.0, 1_001)
    expected = special.erfcx(points / math.sqrt(2.0)) * math.sqrt(math.pi / 2.0)
    over_, under = list(MILLS_OVER), MILLS_UNDER
    over_[3] *= 1.0 + 1e-12
    found = np.polyval(over_[::-1], points) / np.polyval(under[::-1], points)
    assert worst(found, expected) > 10 * ULP
