"""Random contracts, and what others say of them."""

import math
from collections.abc import Mapping

import numpy as np
import QuantLib as ql

from tradeops.domain.market import FloatArray
from tradeops.pricing.black_scholes import GreekColumns

Columns = dict[str, FloatArray]
COMPARED = ("value", "delta", "gamma", "vega", "theta", "rho", "dividend_rho", "vanna", "volga")


def draw_contracts(count: int, seed: int) -> Columns:
    """Spots over six decades, a day to thirty years, 1 % to 200 %, up to e^±1.5 from the money."""
    rng = np.random.default_rng(seed)
    spot = np.exp(rng.uniform(math.log(0.01), math.log(1e4), count))
    return {
        "kind": rng.choice([-1.0, 1.0], count),
        "spot": spot,
        "strike": spot * np.exp(rng.uniform(-1.5, 1.5, count) * rng.random(count)),
        "years": np.exp(rng.uniform(math.log(1 / 365), math.log(30.0), count)),
        "rate": rng.uniform(-0.02, 0.12, count),
        "dividend_yield": rng.uniform(0.0, 0.08, count),
        "volatility": np.exp(rng.uniform(math.log(0.01), math.log(2.0), count)),
    }


def ask_quantlib(columns: Columns) -> Columns:
    """Value and Greeks of QuantLib's BlackCalculator, row by row."""
    rows = zip(*columns.values(), strict=True)
    found = np.array([_ask_one(dict(zip(columns, map(float, row), strict=True))) for row in rows])
    return dict(zip(COMPARED, found.T, strict=True))


def _ask_one(one: Mapping[str, float]) -> tuple[float, ...]:
    years, spot = one["years"], one["spot"]
    kind = ql.Option.Call if one["kind"] > 0 else ql.Option.Put
    forward = spot * math.exp((one["rate"] - one["dividend_yield"]) * years)
    calculator = ql.BlackCalculator(
        ql.PlainVanillaPayoff(kind, one["strike"]),
        forward,
        one["volatility"] * math.sqrt(years),
        math.exp(-one["rate"] * years),
    )
    return (
        calculator.value(),
        calculator.delta(spot),
        calculator.gamma(spot),
        calculator.vega(years),
        calculator.theta(spot, years),
        calculator.rho(years),
        calculator.dividendRho(years),
        calculator.vanna(spot, years),
        calculator.volga(years) * math.sqrt(years),  # QuantLib 1.44 divides vega·d₁·d₂ by σ√T, not by σ
    )


def value_by_erfc(one: Mapping[str, float]) -> float:
    """The closed form as a textbook has it, with the C library's functions."""
    kind, root = one["kind"], math.sqrt(one["years"])
    drift = one["rate"] - one["dividend_yield"] + 0.5 * one["volatility"] ** 2
    d1 = (math.log(one["spot"] / one["strike"]) + drift * one["years"]) / (one["volatility"] * root)
    d2 = d1 - one["volatility"] * root
    share = one["spot"] * math.exp(-one["dividend_yield"] * one["years"])
    cash = one["strike"] * math.exp(-one["rate"] * one["years"])
    return kind * 0.5 * (share * math.erfc(-kind * d1 / math.sqrt(2.0)) - cash * math.erfc(-kind * d2 / math.sqrt(2.0)))


def find_differences(ours: GreekColumns, theirs: Columns, spot: FloatArray) -> dict[str, float]:
    """Worst difference by name as a multiple of what is allowed: 1e-10·max(1, spot), 1e-8·max(1, Greek)."""
    worst = {}
    for name, expected in theirs.items():
        allowed = 1e-10 * np.maximum(1.0, spot) if name == "value" else 1e-8 * np.maximum(1.0, np.abs(expected))
        worst[name] = float((np.abs(getattr(ours, name) - expected) / allowed).max())
    return worst
