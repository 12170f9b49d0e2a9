"""Greeks of American options as differences of the closed form's values."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradeops.domain.market import FloatArray
from tradeops.pricing.american import evaluate_american
from tradeops.pricing.black_scholes import EuropeanRows, GreekColumns, evaluate_european
from tradeops.pricing.refusals import Refusal, RefusalArray

SPOT_STEP, SPREAD_STEP = 1e-3, 0.05  # of the spot: itself, or a share of one deviation where that is less
RELATIVE_STEP = 1e-3  # of volatility and years
RATE_STEP = 1e-5
ROUNDING = 1e-13  # of spot and strike: a difference of values below it is nothing

Columns = Mapping[str, FloatArray]
BoolArray = npt.NDArray[np.bool_]


def evaluate_american_greeks(columns: Columns) -> EuropeanRows:
    """Values after Bjerksund and Stensland, and Greeks as central differences of them.

    Steps: a thousandth of the spot or a twentieth of a standard deviation, whichever is less; a thousandth of
    volatility and years; 0.00001 of the rates. Where exercise before expiry never pays, and at expiry, they are the
    European option's exact Greeks. A difference smaller than rounding is 0. At a border of the allowed inputs there is
    no difference, and the row is refused.

    Args:
        columns: (N,) each, by the names of `evaluate_american`'s arguments.

    Returns:
        As `evaluate_european`.
    """
    exact = evaluate_european(**columns)
    with np.errstate(all="ignore"):  # refused rows hold anything
        rows = _Differences(columns).collect()
        plain = _never_pays(columns) | (columns["years"] == 0)
    refusal = np.where(plain, exact.refusal, rows.refusal).astype(np.int8)
    greeks = {
        name: np.where(refusal == Refusal.NONE, np.where(plain, getattr(exact.greeks, name), column), 0.0)
        for name, column in rows.greeks.items()
    }
    return EuropeanRows(greeks=GreekColumns(**greeks), refusal=refusal)


class _Rows(NamedTuple):
    greeks: dict[str, FloatArray]
    refusal: RefusalArray


class _Differences:
    """Values around one point; remembers the first refusal of each row."""

    def __init__(self, columns: Columns) -> None:
        self._columns = dict(columns)
        self._noise = ROUNDING * (columns["spot"] + columns["strike"])
        self.value, self._refusal = evaluate_american(**columns)
        spread = columns["volatility"] * np.sqrt(columns["years"])
        self._steps = {
            "spot": columns["spot"] * np.minimum(SPOT_STEP, SPREAD_STEP * spread),
            "volatility": columns["volatility"] * RELATIVE_STEP,
            "years": columns["years"] * RELATIVE_STEP,
            "rate": np.full_like(spread, RATE_STEP),
            "dividend_yield": np.full_like(spread, RATE_STEP),
        }

    def collect(self) -> _Rows:
        greeks = {
            "value": self.value,
            "delta": self._settle_delta(self._slope("spot")),
            "gamma": self._bend("spot"),
            "vega": self._slope("volatility"),
            "theta": -self._slope("years"),
            "rho": self._slope("rate"),
            "dividend_rho": self._slope("dividend_yield"),
            "vanna": self._twist("spot", "volatility"),
            "volga": self._bend("volatility"),
            "charm": -self._twist("spot", "years"),
        }
        finite = np.all([np.isfinite(column) for column in greeks.values()], axis=0)
        refusal = np.where((self._refusal == Refusal.NONE) & ~finite, Refusal.NOT_FINITE, self._refusal)
        return _Rows(greeks, refusal.astype(np.int8))

    def _slope(self, name: str) -> FloatArray:
        return self._clean(self._at((name, 1)) - self._at((name, -1))) / (2 * self._steps[name])

    def _settle_delta(self, delta: FloatArray) -> FloatArray:
        """Put back what rounding has carried over a border of what a delta can be."""
        kind, room = self._columns["kind"], self._noise / self._steps["spot"]
        limit = np.maximum(1.0, np.exp(-self._columns["dividend_yield"] * self._columns["years"]))
        inside = np.clip(kind * delta, 0.0, limit)
        settled: FloatArray = np.where(np.abs(kind * delta - inside) <= room, kind * inside, delta)
        return settled

    def _bend(self, name: str) -> FloatArray:
        around = self._at((name, 1)) - 2 * self.value + self._at((name, -1))
        return self._clean(around) / self._steps[name] ** 2

    def _twist(self, one: str, other: str) -> FloatArray:
        corners = [sign * side * self._at((one, sign), (other, side)) for sign in (1, -1) for side in (1, -1)]
        return self._clean(sum(corners, np.zeros_like(self.value))) / (4 * self._steps[one] * self._steps[other])

    def _at(self, *moves: tuple[str, int]) -> FloatArray:
        moved = {name: self._columns[name] + sign * self._steps[name] for name, sign in moves}
        value, refusal = evaluate_american(**{**self._columns, **moved})
        self._refusal = np.where(self._refusal == Refusal.NONE, refusal, self._refusal)
        return value

    def _clean(self, difference: FloatArray) -> FloatArray:
        found: FloatArray = np.where(np.abs(difference) <= self._noise, 0.0, difference)
        return found


def _never_pays(columns: Columns) -> BoolArray:
    call = columns["kind"] > 0
    own, other = (
        np.where(call, columns[name], columns[swapped])
        for name, swapped in (("dividend_yield", "rate"), ("rate", "dividend_yield"))
    )
    found: BoolArray = (own <= 0) & (other >= 0)
    return found
