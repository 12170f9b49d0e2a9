"""Run by the peer's own Python: prices the columns of a file once for every line it reads.

Usage: vollib_vectorized.py INPUT.npy OUTPUT.npy. INPUT holds (7, N): kind, spot, strike, years, rate, dividend
yield and volatility; OUTPUT gets (6, N) of the first run: value, delta, gamma, vega, theta and rho.
"""

import sys
import warnings

import numpy as np
from py_vollib_vectorized import get_all_greeks, vectorized_black_scholes_merton

NAMES = ("delta", "gamma", "vega", "theta", "rho")


def main(source: str, target: str) -> None:
    """Answer a line on standard input with one on standard output, each after one run."""
    warnings.simplefilter("ignore")
    kind, spot, strike, years, rate, carry, volatility = np.load(source)
    flag = np.where(kind > 0, "c", "p")
    first = True
    for _ in sys.stdin:
        value = vectorized_black_scholes_merton(flag, spot, strike, years, rate, volatility, carry, return_as="numpy")
        greeks = get_all_greeks(
            flag, spot, strike, years, rate, volatility, carry, model="black_scholes_merton", return_as="dict"
        )
        if first:
            np.save(target, np.stack([value, *(greeks[name] for name in NAMES)]))
        first = False
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
