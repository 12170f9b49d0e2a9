"""Random bars with splits, dividends, quiet days and holes."""

from datetime import date, timedelta

import numpy as np

from tests.fakes.trading_calendar import FakeTradingCalendar, business_days
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray
from tradeops.features.bar_versions import BarHistory, Versions
from tradeops.features.kernels import SPLIT
from tradeops.features.known_series import Release, go_back
from tradeops.features.market_wide import AAA, BAA, CPI, HML, INDEX, UNEMPLOYMENT, WTI
from tradeops.features.session_features import FeatureInputs

NAMES = tuple(InstrumentId(name) for name in ("A", "B", "C", "D"))
FIRST = date(2001, 1, 1)
MONTHLY = (AAA, BAA, CPI, UNEMPLOYMENT, HML)


def random_bars(seed: int, sessions: int, names: int = len(NAMES)) -> FloatArray:
    """(6, T, N): close, high, low, volume, split, dividend."""
    rng = np.random.default_rng(seed)
    shape = (sessions, names)
    moves = rng.normal(0.0, 0.02, shape) * (rng.random(shape) > 0.05)
    split = np.where(rng.random(shape) < 0.01, 2.0, 1.0)
    close = np.round(50.0 * np.exp(np.cumsum(moves, axis=0)) / np.cumprod(split, axis=0), 4) + 0.01
    high = np.round(close * (1.0 + np.abs(rng.normal(0.0, 0.01, shape))), 4)
    low = np.round(close * (1.0 - np.abs(rng.normal(0.0, 0.01, shape))), 4)
    volume = rng.integers(100_000, 10_000_000, shape).astype(np.float64)
    dividend = np.where(rng.random(shape) < 0.02, np.round(close * 0.005, 2), 0.0)
    return np.stack([close, np.maximum(high, close), np.minimum(low, close), volume, split, dividend])


def make_history(bars: FloatArray) -> BarHistory:
    """Every bar known at its own session."""
    _, sessions, names = bars.shape
    rows, columns = (axis.ravel() for axis in np.indices((sessions, names)))
    flat = bars.reshape(len(bars), -1)

    def known(values: FloatArray) -> Versions:
        there = ~np.isnan(values[0])
        return Versions(row=rows[there], column=columns[there], seen=rows[there], values=values[:, there])

    return BarHistory(sessions=sessions, names=names, bars=known(flat[:SPLIT]), actions=known(flat[SPLIT:]))


def random_releases(seed: int, sessions: int) -> dict[str, list[Release]]:
    """Index and oil of each session, monthly series for three years before the end; some revised later."""
    rng = np.random.default_rng([seed, 1])
    days = business_days(FIRST, sessions)
    calendar = FakeTradingCalendar(days)
    found: dict[str, list[Release]] = {INDEX: [], WTI: []}
    for day in days:
        for name in (INDEX, WTI):
            known = calendar.closes_at(day)
            found[name].append(Release(period=day, value=float(rng.uniform(50.0, 60.0)), known=known))
    for name in MONTHLY:
        months = [go_back(days[-1], back) for back in range(40, 0, -1)]
        found[name] = [
            Release(
                period=month,
                value=float(rng.uniform(1.0, 9.0)),
                known=calendar.closes_at(days[0]).replace(year=month.year, month=month.month, day=1)
                + timedelta(days=45),
            )
            for month in months
        ]
    return found


def make_inputs(bars: FloatArray, releases: dict[str, list[Release]]) -> FeatureInputs:
    sessions = business_days(FIRST, bars.shape[1])
    calendar = FakeTradingCalendar(sessions)
    return FeatureInputs(
        market=1,
        sessions=sessions,
        as_of=tuple(calendar.closes_at(session) + timedelta(minutes=30) for session in sessions),
        instruments=NAMES[: bars.shape[2]],
        minimum_bars=1,
        bars=make_history(bars),
        releases=releases,
    )
