"""Index and economic features as they were known, against plain Python."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeops.domain.errors import DataError
from tradeops.features.declarations import FEATURES
from tradeops.features.known_series import KnownSeries, Release, go_back
from tradeops.features.market_wide import AAA, BAA, CPI, HML, INDEX, MARKET_WIDE, UNEMPLOYMENT, WTI, MarketWide

STALE = {declared.name: declared.stale_after for declared in FEATURES}
NOON = datetime(2010, 1, 1, 12, tzinfo=UTC)
Releases = dict[str, list[Release]]


def moment(days: float) -> datetime:
    return NOON + timedelta(days=days)


def releases_of(
    period: Callable[[int], date], count: int, step: float, delay: float
) -> st.SearchStrategy[list[Release]]:
    """Values with their first print and, for some, revisions, in the order of a log."""
    one = st.tuples(st.integers(0, count - 1), st.floats(1.0, 99.0), st.floats(0.0, 40.0), st.integers(0, 1))
    return st.lists(one, max_size=3 * count).map(
        lambda rows: [
            Release(period=period(n), value=value, known=moment(n * step + delay + later * revised))
            for n, value, later, revised in rows
        ]
    )


def month(number: int) -> date:
    return date(2010 + number // 12, number % 12 + 1, 1)


def day(number: int) -> date:
    return date(2010, 1, 1) + timedelta(days=number)


def know_plainly(releases: Iterable[Release], as_of: datetime, stale_after: int) -> dict[date, float]:
    """Newest known value by period, ascending; nothing when the newest period is stale."""
    known: dict[date, Release] = {}
    for release in releases:
        before = known.get(release.period)
        if release.known <= as_of and (before is None or release.known >= before.known):
            known[release.period] = release
    if not known or as_of - known[max(known)].known > timedelta(days=stale_after):
        return {}
    return {period: known[period].value for period in sorted(known)}


def compute_plainly(releases: Releases, as_of: datetime) -> dict[str, float]:
    def known(name: str, feature: str) -> dict[date, float]:
        return know_plainly(releases.get(name, []), as_of, STALE[feature] or 0)

    def window(name: str, feature: str, count: int) -> list[float]:
        values = list(known(name, feature).values())[-count:]
        return values if len(values) == count else [math.nan] * count

    def back(name: str, feature: str, months: int) -> float:
        values = known(name, feature)
        return values.get(go_back(max(values), months), math.nan) if values else math.nan

    def spread(feature: str, months: int) -> float:
        newest = [max(known(grade, feature), default=None) for grade in (AAA, BAA)]
        if newest[0] != newest[1]:
            return math.nan
        return back(BAA, feature, months) - back(AAA, feature, months)

    index, oil = window(INDEX, "index_ret_20", 21), window(WTI, "oil_ret_60", 61)
    long = window(INDEX, "index_trend_100", 100)
    returns = [b / a - 1 for a, b in pairwise(index)]
    return {
        "index_ret_20": index[-1] / index[0] - 1,
        "index_vol_20": statistics.stdev(returns) if index[0] == index[0] else math.nan,
        "index_trend_100": long[-1] / (sum(long) / 100) - 1,
        "oil_ret_60": oil[-1] / oil[0] - 1,
        "credit_spread": spread("credit_spread", 0),
        "credit_spread_change_3m": spread("credit_spread_change_3m", 0) - spread("credit_spread_change_3m", 3),
        "cpi_growth_12m": back(CPI, "cpi_growth_12m", 0) / back(CPI, "cpi_growth_12m", 12) - 1,
        "unemployment_change_12m": back(UNEMPLOYMENT, "unemployment_change_12m", 0)
        - back(UNEMPLOYMENT, "unemployment_change_12m", 12),
        "hml_6m": sum(back(HML, "hml_6m", months) for months in range(6)),
    }


def check_against_plain(releases: Releases, moments: Sequence[float]) -> None:
    reader = MarketWide(releases)
    for when in sorted(moments):
        found, expected = reader.read(moment(when)), compute_plainly(releases, moment(when))
        assert sorted(found) == sorted(expected)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), (name, when)


MONTHLY = releases_of(month, 18, 30.4, 40.0)


@settings(max_examples=60, deadline=None)
@given(
    monthly=st.tuples(MONTHLY, MONTHLY, MONTHLY, MONTHLY, MONTHLY),
    daily=st.tuples(releases_of(day, 80, 1.0, 0.3), releases_of(day, 30, 1.0, 0.3)),
    moments=st.lists(st.floats(0.0, 700.0), min_size=1, max_size=6),
)
def test_what_is_known_equals_a_plain_search(
    monthly: tuple[list[Release], ...], daily: tuple[list[Release], ...], moments: list[float]
) -> None:
    names = (AAA, BAA, CPI, UNEMPLOYMENT, HML, WTI, INDEX)
    check_against_plain(dict(zip(names, (*monthly, *daily), strict=True)), moments)


def full_market(revised: bool = False) -> Releases:
    """Every series without holes; core prices revised after 500 days."""
    months = [Release(period=month(n), value=2.0 + n % 5, known=moment(30.4 * n + 40)) for n in range(30)]
    days = [Release(period=day(n), value=50.0 + n % 7, known=moment(n + 0.3)) for n in range(900)]
    found: Releases = {name: list(months) for name in (AAA, UNEMPLOYMENT, HML, CPI)}
    found |= {BAA: [replace(release, value=release.value + 1.5) for release in months], WTI: days, INDEX: days}
    if revised:
        found[CPI].append(Release(period=month(15), value=9.0, known=moment(500)))
    return found


def test_with_full_series_every_feature_is_known() -> None:
    check_against_plain(full_market(), [480.0])
    found = MarketWide(full_market()).read(moment(480))
    assert found["credit_spread"] == 1.5 and not any(math.isnan(value) for value in found.values())


def test_a_revision_is_invisible_until_it_is_known() -> None:
    honest, revised = (MarketWide(full_market(late)) for late in (False, True))
    assert honest.read(moment(499)) == revised.read(moment(499))
    assert honest.read(moment(500.1))["cpi_growth_12m"] != revised.read(moment(500.1))["cpi_growth_12m"]


def test_mutant_that_joins_on_the_period_and_a_lag_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def known_by_lag(self: KnownSeries, releases: Iterable[Release]) -> None:
        lagged = [replace(r, known=datetime.combine(r.period, NOON.timetz()) + timedelta(days=40)) for r in releases]
        original(self, lagged)

    original = KnownSeries.__init__
    monkeypatch.setattr(KnownSeries, "__init__", known_by_lag)
    with pytest.raises(AssertionError):
        test_a_revision_is_invisible_until_it_is_known()


@pytest.mark.parametrize("name", MARKET_WIDE)
def test_a_value_too_old_is_unknown(name: str) -> None:
    limit = timedelta(days=STALE[name] or 0)
    market = full_market()
    newest = {series: max(release.known for release in releases) for series, releases in market.items()}
    source = {"index": INDEX, "oil": WTI, "credit": AAA, "cpi": CPI, "unemployment": UNEMPLOYMENT, "hml": HML}
    last = newest[source[name.partition("_")[0]]]
    reader = MarketWide(market)
    assert not math.isnan(reader.read(last + limit)[name])
    assert math.isnan(reader.read(last + limit + timedelta(seconds=1))[name])


def test_a_reader_does_not_go_back_in_time() -> None:
    reader = MarketWide(full_market())
    reader.read(moment(100))
    with pytest.raises(DataError, match="does not go back"):
        reader.read(moment(99))
