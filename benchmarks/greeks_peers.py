"""Value, delta, gamma, vega, theta and rho of European options in numpy, and of one option in QuantLib."""

from itertools import cycle

import numpy as np
import QuantLib as ql
from scipy.special import ndtr

from tradeops.domain.market import FloatArray

COLUMNS = ("value", "delta", "gamma", "vega", "theta", "rho")


def price_with_numpy(columns: FloatArray) -> FloatArray:
    """(6, N) in the order of `COLUMNS` from (7, N): the closed form, each term once."""
    kind, spot, strike, years, rate, carry, volatility = columns
    root = np.sqrt(years)
    total = volatility * root
    now, later = spot * np.exp(-carry * years), strike * np.exp(-rate * years)
    d1 = (np.log(spot / strike) + (rate - carry) * years) / total + 0.5 * total
    in_spot, in_strike = kind * now * ndtr(kind * d1), kind * later * ndtr(kind * (d1 - total))
    density = now * np.exp(-0.5 * d1 * d1) * 0.3989422804014327
    return np.stack(
        [
            in_spot - in_strike,
            in_spot / spot,
            density / (spot * spot * total),
            density * root,
            carry * in_spot - rate * in_strike - 0.5 * density * volatility / root,
            years * in_strike,
        ]
    )


class QuantLibOption:
    """One option whose objects are kept and whose spot moves."""

    def __init__(self, contract: tuple[float, ...], spots: list[float]) -> None:
        kind, _, strike, years, rate, carry, volatility = contract
        today = ql.Date(2, 1, 2020)
        ql.Settings.instance().evaluationDate = today
        count = ql.Actual365Fixed()
        self._spot = ql.SimpleQuote(spots[0])
        self._spots = cycle(spots)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(self._spot),
            ql.YieldTermStructureHandle(ql.FlatForward(today, carry, count)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, count)),
        )
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if kind > 0 else ql.Option.Put, strike)
        self._option = ql.VanillaOption(payoff, ql.EuropeanExercise(today + round(365 * years)))
        self._option.setPricingEngine(ql.AnalyticEuropeanEngine(process))

    def work(self) -> tuple[float, ...]:
        """The next spot's numbers, in the order of `COLUMNS`."""
        self._spot.setValue(next(self._spots))
        one = self._option
        return one.NPV(), one.delta(), one.gamma(), one.vega(), one.theta(), one.rho()
