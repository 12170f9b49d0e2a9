"""Exponential, logarithm and normal tail from + − × ÷ and bits alone.

The functions of a C library differ in the last bit from one processor or library to the next; these do not,
so that a decision made with a price can be replayed anywhere. They have no branch and no call: the compiler
works on several rows at once, with the bits of one at a time.
"""

import math

import numpy as np
from numba import njit

ROOT_HALF_PI_INVERSE = 0.3989422804014327  # 1/√(2π)

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 32 bits, so that a multiple of it is exact
_LN2_LOW = 1.90821492927058770002e-10
_SHIFTER = 6755399441055744.0  # 1.5·2⁵²: adding it rounds to an integer, which its low bits then hold
_SHIFTER_BITS = 0x4338000000000000
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_LEAST, _MOST = -708.0, 709.0

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


@njit(error_model="numpy", forceinline=True)
def exponential(x: float) -> float:
    """e^x to an ulp; arguments below −708 count as −708 and above 709 as 709.

    Cody and Waite's reduction to |r| ≤ ln 2 / 2, Taylor's polynomial of degree 13 (remainder 4e-18).
    """
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    shifted = x * _LOG2_E + _SHIFTER
    power = shifted - _SHIFTER
    r = (x - power * _LN2_HIGH) - power * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (_E2 + r * _E3) + r2 * (_E4 + r * _E5)
    middle = (_E6 + r * _E7) + r2 * (_E8 + r * _E9)
    high = (_E10 + r * _E11) + r2 * (_E12 + r * _E13)
    scale = np.int64((np.float64(shifted).view(np.int64) << 52) + (1023 << 52)).view(np.float64)
    return (1.0 + (r + r2 * (low + r4 * (middle + r4 * high)))) * scale


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
    tail = ((_T1 + g * _T2) + g2 * (_T3 + g * _T4)) + g4 * ((_T5 + g * _T6) + g2 * (_T7 + g * _T8) + g4 * _T9)
    return power * _LN2_HIGH + (2.0 * f + (2.0 * f * g * tail + power * _LN2_LOW))


@njit(error_model="numpy", forceinline=True)
def mills_ratio(z: float) -> float:
    """(1 − N(z))/n(z) for 0 ≤ z ≤ 60, to 2e-15 relative up to 40, where the tail itself leaves float64."""
    z2 = z * z
    z4 = z2 * z2
    over = ((_N0 + z * _N1) + z2 * (_N2 + z * _N3)) + z4 * (
        ((_N4 + z * _N5) + z2 * (_N6 + z * _N7)) + z4 * (_N8 + z * _N9)
    )
    under = ((_D0 + z * _D1) + z2 * (_D2 + z * _D3)) + z4 * (
        ((_D4 + z * _D5) + z2 * (_D6 + z * _D7)) + z4 * ((_D8 + z * _D9) + z2 * _D10)
    )
    return over / under


@njit(error_model="numpy", forceinline=True)
def normal_below(x: float) -> float:
    """N(x), the probability that a standard normal variable is below x."""
    z = abs(x)
    z = 60.0 if z > 60.0 else z
    tail = ROOT_HALF_PI_INVERSE * exponential(-0.5 * z * z) * mills_ratio(z)
    return 1.0 - tail if x > 0.0 else tail
