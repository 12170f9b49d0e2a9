"""Mills' ratio in decimal arithmetic, and the rational function that agrees with it at given points."""

import math
from decimal import Decimal, localcontext

DIGITS, TERMS, FARTHEST, CENTRE = 120, 10, 40, 4
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651"
)


def mills(z: Decimal) -> Decimal:
    """By the series of the integral near 0, by Laplace's continued fraction farther out."""
    if z >= 4:
        fraction = Decimal(0)
        for term in range(6000 if z < 8 else 2000, 0, -1):
            fraction = term / (z + fraction)
        return 1 / (z + fraction)
    total = term_ = z
    odd = 1
    while abs(term_) > Decimal(10) ** (10 - DIGITS):
        odd += 2
        term_ = term_ * z * z / odd
        total += term_
    return (z * z / 2).exp() * (PI / 2).sqrt() - total


def _solve(rows: list[list[Decimal]]) -> list[Decimal]:
    """Gauss's elimination of rows (n, n + 1)."""
    count = len(rows)
    for at in range(count):
        pivot = max(range(at, count), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for row in range(at + 1, count):
            factor = rows[row][at] / rows[at][at]
            rows[row] = [x - factor * y for x, y in zip(rows[row], rows[at], strict=True)]
    found = [Decimal(0)] * count
    for at in reversed(range(count)):
        rest = sum((rows[at][k] * found[k] for k in range(at + 1, count)), Decimal(0))
        found[at] = (rows[at][count] - rest) / rows[at][at]
    return found


def fit_mills() -> tuple[list[float], list[float]]:
    """Numerator (degree 9) and denominator (degree 10, leading 1) that agree with it at 20 Chebyshev points."""
    with localcontext() as context:
        context.prec = DIGITS
        most = (FARTHEST - CENTRE) / (FARTHEST + CENTRE)
        rows = []
        for point in range(2 * TERMS):
            t = Decimal(-1 + (most + 1) * (math.cos(math.pi * (point + 0.5) / (2 * TERMS)) + 1) / 2)
            z = CENTRE * (1 + t) / (1 - t)
            ratio = mills(z)
            powers = [z**k for k in range(TERMS)]
            rows.append([*powers, *(-ratio * power for power in powers), ratio * z**TERMS])
        found = _solve(rows)
    return [float(x) for x in found[:TERMS]], [*(float(x) for x in found[TERMS:]), 1.0]
