"""Least squares of a few unknowns by Levenberg's and Marquardt's method, in numpy alone."""

from collections.abc import Callable

import numpy as np

from tradeops.domain.market import FloatArray

STEP = 1e-6
MOST_ROUNDS = 100
LARGEST_DAMPING = 1e12
FIRST_DAMPING = 1e-3
SMALLEST_GAIN = 1e-14  # share of the cost
GOOD_ENOUGH = 1e-9  # root mean square of the residuals

Residuals = Callable[[FloatArray], FloatArray]


def minimise_squares(residuals: Residuals, start: FloatArray) -> FloatArray:
    """Find a local minimum of the sum of squared residuals.

    Marquardt, An algorithm for least-squares estimation of nonlinear parameters, 1963; damping times the
    diagonal, a third after a step that helps, fourfold after one that does not.

    Args:
        residuals: (P,) unknowns -> (R,) finite residuals, each in units of what it may be off.
        start: (P,) where to begin.

    Returns:
        (P,) float64; never worse than `start`.
    """
    best, found = start, residuals(start)
    damping = FIRST_DAMPING
    for _ in range(MOST_ROUNDS):
        if float(np.sqrt(np.mean(found * found))) <= GOOD_ENOUGH:
            break
        step, tried, damping = _step(residuals, best, found, damping)
        gain = float(found @ found) - float(tried @ tried)
        if gain <= 0:
            break
        done = gain <= SMALLEST_GAIN * float(found @ found)
        best, found = best - step, tried
        if done:
            break
    return best


def _step(
    residuals: Residuals, at: FloatArray, found: FloatArray, damping: float
) -> tuple[FloatArray, FloatArray, float]:
    """A step that helps, the residuals after it and the next damping; when none helps, the last one tried."""
    jacobian = _differentiate(residuals, at)
    gradient, normal = jacobian.T @ found, jacobian.T @ jacobian
    while True:
        step = _solve(normal, gradient, damping)
        tried = residuals(at - step)
        if float(tried @ tried) < float(found @ found):
            return step, tried, damping / 3
        damping *= 4
        if damping > LARGEST_DAMPING:
            return step, tried, damping


def _solve(normal: FloatArray, gradient: FloatArray, damping: float) -> FloatArray:
    diagonal = np.diagonal(normal)
    # An unknown that changes nothing would leave the system without a solution.
    floor = 1e-15 * max(float(diagonal.max()), 1e-300)
    step: FloatArray = np.asarray(np.linalg.solve(normal + np.diag(damping * diagonal + floor), gradient), np.float64)
    return step


def _differentiate(residuals: Residuals, at: FloatArray) -> FloatArray:
    columns = []
    for place in range(len(at)):
        step = np.zeros_like(at)
        step[place] = STEP
        columns.append((residuals(at + step) - residuals(at - step)) / (2 * STEP))
    return np.stack(columns, axis=1)
