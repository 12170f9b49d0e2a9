"""Exponential, logarithm and normal tail from + − × ÷, a·b + c and bits alone.

The functions of a C library differ in the last bit from one processor or library to the next; these do not,
so that a decision made with a price can be replayed anywhere: each operation is rounded as IEEE 754 says, also
the fused one, which is asked for by name and not left to the compiler. They have no branch and no call: the compiler
works on several rows at once, with the bits of one at a time.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

ROOT_HALF_PI_INVERSE = 0.3989422804014327  # 1/√(2π)

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 32 bits, so that a multiple of it is exact
_LN2_LOW = 1.90821492927058770002e-10
_SHIFTER = 6755399441055744.0  # 1.5·2⁵²: adding it rounds to an integer, which its low bits then hold
_SHIFTER_BITS = 0x4338000000000000
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_LEAST, MOST_EXPONENT = -708.0, 709.0

# 1/k! of the exponential's and 1/(2k + 1) of the inverse hyperbolic tangent's series.
_E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11, _E12, _E13 = (1.0 / math.factorial(k) for k in range(2, 14))
_T1, _T2, _T3, _T4, _T5, _T6, _T7, _T8, _T9 = (1.0 / (2 * k + 1) for k in range(1, 10))

# Rational interpolation of Mills' ratio (1 − N(z))/n(z) at 20 points of [0, 40], by exact arithmetic (a test
# derives it anew): relative error below 1.1e-16. All coefficients are positive, so nothing cancels.
MILLS_OVER = (
    354106.1221990026,
    549972.2323602356,
    422427.93768119195,
    206123.66551001288,
    69731.5090176833,
    16892.648019222866,
    2930.2431389810818,
    352.17487420943013,
    26.81540708653669,
    0.9999999999977991,
)
MILLS_UNDER = (
    282535.80778835696,
    664245.311978812,
    725771.9046470847,
    486566.08468804474,
    222322.02594335162,
    72608.11842553326,
    17242.82299664611,
    2957.0585434302957,
    353.1748742549637,
    26.815407086064887,
    1.0,
)
_N0, _N1, _N2, _N3, _N4, _N5, _N6, _N7, _N8, _N9 = MILLS_OVER
_D0, _D1, _D2, _D3, _D4, _D5, _D6, _D7, _D8, _D9, _D10 = MILLS_UNDER


@intrinsic
def _fuse(typing_context, a, b, c):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@njit(error_model="numpy", forceinline=True)
def fused(a: float, b: float, c: float) -> float:
    """a·b + c, rounded once."""
    return _fuse(a, b, c)  # type: ignore[call-arg]


@njit(error_model="numpy", forceinline=True)
def exponential(x: float) -> float:
    """e^x to an ulp; arguments below −708 count as −708 and above 709 as 709.

    Cody and Waite's reduction to |r| ≤ ln 2 / 2, Taylor's polynomial of degree 13 (remainder 4e-18).
    """
    x = _LEAST if x < _LEAST else x
    x = MOST_EXPONENT if x > MOST_EXPONENT else x
    shifted = fused(x, _LOG2_E, _SHIFTER)
    power = shifted - _SHIFTER
    r = fused(power, -_LN2_LOW, fused(power, -_LN2_HIGH, x))
    r2 = r * r
    r4 = r2 * r2
    low = fused(r2, fused(r, _E5, _E4), fused(r, _E3, _E2))
    middle = fused(r2, fused(r, _E9, _E8), fused(r, _E7, _E6))
    high = fused(r2, fused(r, _E13, _E12), fused(r, _E11, _E10))
    series = 1.0 + fused(r2, fused(r4, fused(r4, high, middle), low), r)
    scale = np.int64((np.float64(shifted).view(np.int64) << 52) + (1023 << 52)).view(np.float64)
    return series * scale


@njit(error_model="numpy", forceinline=True)
def logarithm(x: float) -> float:
    """Natural logarithm of a positive, normal number to two ulp.

    x = m·2ᵉ with √½ ≤ m < √2, ln m = 2·artanh((m − 1)/(m + 1)) by ten terms of the series (remainder 3e-17).
    """
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _ROOT_HALF_BITS) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)
    power = np.int64(exponent + _SHIFTER_BITS).view(np.float64) - _SHIFTER
    f = (mantissa - 1.0) / (mantissa + 1.0)
    g = f * f
    g2 = g * g
    g4 = g2 * g2
    low = fused(g2, fused(g, _T4, _T3), fused(g, _T2, _T1))
    high = fused(g4, _T9, fused(g2, fused(g, _T8, _T7), fused(g, _T6, _T5)))
    tail = fused(g4, high, low)
    return fused(power, _LN2_HIGH, fused(power, _LN2_LOW, fused(2.0 * f * g, tail, 2.0 * f)))


@njit(error_model="numpy", forceinline=True)
def mills_parts(z: float) -> tuple[float, float]:
    """Numerator and denominator of `mills_ratio`, for one division where two ratios are needed."""
    z2 = z * z
    z4 = z2 * z2
    z8 = z4 * z4
    over = fused(z2, fused(z, _N3, _N2), fused(z, _N1, _N0))
    over = fused(z4, fused(z2, fused(z, _N7, _N6), fused(z, _N5, _N4)), over)
    over = fused(z8, fused(z, _N9, _N8), over)
    under = fused(z2, fused(z, _D3, _D2), fused(z, _D1, _D0))
    under = fused(z4, fused(z2, fused(z, _D7, _D6), fused(z, _D5, _D4)), under)
    under = fused(z8, fused(z2, _D10, fused(z, _D9, _D8)), under)
    return over, under


@njit(error_model="numpy", forceinline=True)
def mills_ratio(z: float) -> float:
    """(1 − N(z))/n(z) for 0 ≤ z ≤ 60, to 2e-15 relative up to 40, where the tail itself leaves float64."""
    over, under = mills_parts(z)
    return over / under


@njit(error_model="numpy", forceinline=True)
def normal_below(x: float) -> float:
    """N(x), the probability that a standard normal variable is below x."""
    z = abs(x)
    z = 60.0 if z > 60.0 else z
    tail = ROOT_HALF_PI_INVERSE * exponential(-0.5 * z * z) * mills_ratio(z)
    return 1.0 - tail if x > 0.0 else tail
