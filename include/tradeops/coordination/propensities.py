"""Exact probabilities of a sequential draw without replacement."""

import math
from collections.abc import Sequence

import numpy as np

from tradeops.domain.market import FloatArray

# Numerical floor of a conditional variance; the ridge keeps real ones far above it.
SMALLEST_VARIANCE = 1e-12


def mix_probabilities(gains: Sequence[float], *, temperature: float, exploration: float) -> tuple[float, ...]:
    """`(1 − ε)·softmax(gain / τ) + ε / n`.

    Args:
        gains: n marginal gains.
        temperature: τ > 0.
        exploration: ε in (0, 1]; no probability is below ε / n.

    Returns:
        n probabilities that sum to 1 up to rounding.
    """
    highest = max(gains)
    weights = [math.exp((gain - highest) / temperature) for gain in gains]
    scale = (1.0 - exploration) / math.fsum(weights)
    uniform = exploration / len(weights)
    return tuple(weight * scale + uniform for weight in weights)


def pick_index(probabilities: Sequence[float], uniform: float) -> int:
    """First position whose cumulated probability exceeds the uniform number."""
    cumulated = 0.0
    for position, probability in enumerate(probabilities):
        cumulated += probability
        if uniform < cumulated:
            return position
    return len(probabilities) - 1


def condition_on(
    similarity: FloatArray, factors: Sequence[FloatArray], variance: FloatArray, chosen: int
) -> tuple[FloatArray, FloatArray]:
    """Condition the variances of all candidates on one more chosen name.

    One step of an incremental Cholesky factorisation (Chen, Zhang and Zhou 2018, "Fast greedy MAP
    inference for determinantal point process"): with the variance of i given the chosen set Y
    written v_i, `det S_(Y+i) / det S_Y = v_i`.

    Args:
        similarity: (M, M) positive definite.
        factors: Rows (M,) of the factorisation so far, one a chosen name.
        variance: (M,) given those.
        chosen: The name to condition on.

    Returns:
        The new row (M,) and the variances (M,) given it too.
    """
    projected = similarity[chosen].copy()
    for factor in factors:
        projected -= factor[chosen] * factor
    factor = projected / math.sqrt(variance[chosen])
    return factor, np.maximum(variance - factor * factor, SMALLEST_VARIANCE)
