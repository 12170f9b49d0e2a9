"""Features that are the same for every name: the index and economic series, as known at a moment."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import pairwise

from tradeops.features.declarations import FEATURES
from tradeops.features.known_series import KnownSeries, Release, go_back

INDEX = "SP500"
AAA, BAA, WTI, CPI, UNEMPLOYMENT, HML = "aaa", "baa", "wti", "core_cpi", "unemployment", "hml"
SERIES = (INDEX, AAA, BAA, WTI, CPI, UNEMPLOYMENT, HML)

_DECLARED = {declared.name: declared for declared in FEATURES}


class MarketWide:
    """Index and economic features, for a reader whose moments only go forward.

    Args:
        releases: By series of `SERIES`; a series without releases is unknown.
    """

    def __init__(self, releases: Mapping[str, Iterable[Release]]) -> None:
        self._series = {name: KnownSeries(releases.get(name, ())) for name in SERIES}

    def read(self, as_of: datetime) -> dict[str, float]:
        """Every feature by name; NaN where too little is known, or too old.

        Raises:
            DataError: `as_of` lies before the last one.
        """
        for series in self._series.values():
            series.stand_at(as_of)
        return {name: compute(name, self._series) for name, compute in _FORMULAS.items()}


_Series = Mapping[str, KnownSeries]


def _read_window(name: str, series: KnownSeries) -> list[float] | None:
    declared = _DECLARED[name]
    if series.newest_period(declared.stale_after or 0) is None:
        return None
    values = series.newest_values(declared.lookback)
    return values if len(values) == declared.lookback and min(values) > 0 else None


def _grow(source: str) -> Callable[[str, _Series], float]:
    def grow(name: str, series: _Series) -> float:
        values = _read_window(name, series[source])
        return math.nan if values is None else values[0] / values[-1] - 1.0

    return grow


def _index_volatility(name: str, series: _Series) -> float:
    values = _read_window(name, series[INDEX])
    if values is None:
        return math.nan
    returns = [after / before - 1.0 for after, before in pairwise(values)]
    mean = math.fsum(returns) / len(returns)
    return math.sqrt(math.fsum((value - mean) * (value - mean) for value in returns) / (len(returns) - 1))


def _index_trend(name: str, series: _Series) -> float:
    values = _read_window(name, series[INDEX])
    return math.nan if values is None else values[0] / (math.fsum(values) / len(values)) - 1.0


def _read_months(name: str, series: KnownSeries, months: Iterable[int]) -> list[float]:
    """Values so many months before the newest; NaN where one is unknown or the newest is stale."""
    newest = series.newest_period(_DECLARED[name].stale_after or 0)
    found = [None if newest is None else series.value(go_back(newest, back)) for back in months]
    return [math.nan if value is None else value for value in found]


def _spread(name: str, series: _Series, months: int) -> float:
    grades = [series[grade].newest_period(_DECLARED[name].stale_after or 0) for grade in (AAA, BAA)]
    if grades[0] != grades[1]:
        return math.nan
    (aaa,), (baa,) = (_read_months(name, series[grade], (months,)) for grade in (AAA, BAA))
    return baa - aaa


def _credit_spread(name: str, series: _Series) -> float:
    return _spread(name, series, 0)


def _credit_spread_change(name: str, series: _Series) -> float:
    return _spread(name, series, 0) - _spread(name, series, 3)


def _cpi_growth(name: str, series: _Series) -> float:
    now, before = _read_months(name, series[CPI], (0, 12))
    return now / before - 1.0 if before > 0.0 else math.nan


def _unemployment_change(name: str, series: _Series) -> float:
    now, before = _read_months(name, series[UNEMPLOYMENT], (0, 12))
    return now - before


def _value_factor(name: str, series: _Series) -> float:
    return math.fsum(_read_months(name, series[HML], range(6)))


_FORMULAS: Mapping[str, Callable[[str, _Series], float]] = {
    "index_ret_20": _grow(INDEX),
    "index_vol_20": _index_volatility,
    "index_trend_100": _index_trend,
    "credit_spread": _credit_spread,
    "credit_spread_change_3m": _credit_spread_change,
    "oil_ret_60": _grow(WTI),
    "cpi_growth_12m": _cpi_growth,
    "unemployment_change_12m": _unemployment_change,
    "hml_6m": _value_factor,
}
MARKET_WIDE = tuple(_FORMULAS)
