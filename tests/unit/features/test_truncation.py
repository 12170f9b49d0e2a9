"""Nothing outside its window reaches a feature, and all sessions at once equal each alone: bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.features.market_lake import MarketClockOf, bundled_lake, exchange
from tests.unit.features.random_market import make_inputs, random_bars, random_releases
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.features import FeatureRows
from tradeops.domain.market import FloatArray
from tradeops.features import bar_versions
from tradeops.features.declarations import FEATURE_NAMES, FEATURES
from tradeops.features.kernels import SPLIT
from tradeops.features.known_series import KnownSeries, Release
from tradeops.features.market_wide import MARKET_WIDE
from tradeops.features.session_features import FeatureInputs, compute_features
from tradeops.features.windowed import WINDOWED, WindowedStream, compute_windowed
from tradeops.services.read_feature_inputs import read_feature_inputs

SESSIONS = 260
LOOKBACKS = {declared.name: declared.lookback for declared in FEATURES}


def value_at(inputs: FeatureInputs, row: int, name: str) -> bytes:
    rows = next(compute_features(inputs, set(inputs.sessions[row : row + 3])))
    return rows.values[FEATURE_NAMES.index(name)].tobytes()


def check_truncation(name: str, seed: int, row: int) -> None:
    """What lies before the window is replaced, what lies after the session is cut off or replaced."""
    bars, releases = random_bars(seed, SESSIONS), random_releases(seed, SESSIONS)
    whole = make_inputs(bars, releases)
    expected = value_at(whole, row, name)
    as_of, lookback = whole.as_of[row], LOOKBACKS[name]
    known = {key: [r for r in series if r.known <= as_of] for key, series in releases.items()}
    later = {key: [r for r in series if r.known > as_of] for key, series in releases.items()}
    needed = {key: sorted(series, key=lambda r: r.period)[-lookback:] for key, series in known.items()}
    assert value_at(make_inputs(bars[:, : row + 1], known), row, name) == expected, "cut off after"
    assert value_at(make_inputs(spoil(bars, row + 1, SESSIONS), needed), row, name) == expected, "other after"
    before = max(0, row + 1 - lookback)
    revised = {key: [*(replace(r, value=7.7) for r in series), *known[key]] for key, series in later.items()}
    assert value_at(make_inputs(spoil(bars, 0, before), revised), row, name) == expected, "other before"
    if name in WINDOWED:
        empty = bars.copy()
        empty[:, :before] = np.nan
        assert value_at(make_inputs(empty, spoil_old(known, lookback)), row, name) == expected, "none before"
    else:
        assert value_at(make_inputs(bars, spoil_old(known, lookback)), row, name) == expected, "other old values"


def spoil(bars: FloatArray, start: int, stop: int) -> FloatArray:
    spoilt = bars.copy()
    spoilt[:, start:stop] = random_bars(77, SESSIONS)[:, start:stop] * 3.0
    spoilt[SPLIT:, start:stop] = bars[SPLIT:, start:stop] + 0.5
    return spoilt


def spoil_old(known: dict[str, list[Release]], lookback: int) -> dict[str, list[Release]]:
    """Other values for all but the newest `lookback` periods."""
    kept = {key: sorted(series, key=lambda r: r.period) for key, series in known.items()}
    return {
        key: [*(replace(r, value=r.value * 2) for r in series[:-lookback]), *series[-lookback:]]
        for key, series in kept.items()
    }


@pytest.mark.parametrize("name", FEATURE_NAMES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), row=st.integers(0, SESSIONS - 1))
def test_nothing_outside_its_window_reaches_a_feature(name: str, seed: int, row: int) -> None:
    check_truncation(name, seed, row)


Kernel = Callable[[FloatArray], FloatArray]


def look_ahead(bars: FloatArray) -> FloatArray:
    """The last session's return, one session too early."""
    found = compute_windowed(bars)
    found[WINDOWED.index("ret_1"), :-1] = found[WINDOWED.index("ret_1"), 1:]
    return found


def smooth_from_the_beginning(bars: FloatArray) -> FloatArray:
    """The close over its exponential mean of 20, which never forgets."""
    found, mean = compute_windowed(bars), bars[0, 0].copy()
    for row in range(bars.shape[1]):
        mean = np.where(np.isnan(mean), bars[0, row], mean)
        mean = mean + (bars[0, row] - mean) / 10.5
        found[WINDOWED.index("sma_ratio_20"), row] = bars[0, row] / mean - 1.0
    return found


MUTANTS = [(look_ahead, "ret_1"), (smooth_from_the_beginning, "sma_ratio_20")]


@pytest.mark.parametrize(("mutant", "name"), MUTANTS)
def test_mutant_that_looks_beyond_its_window_is_found(
    mutant: Kernel, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_versions, "compute_windowed", mutant)
    with pytest.raises(AssertionError):
        check_truncation(name, 3, 200)


@pytest.mark.parametrize("name", MARKET_WIDE)
def test_mutant_that_knows_a_release_before_it_is_out_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_at = KnownSeries.stand_at
    monkeypatch.setattr(KnownSeries, "stand_at", lambda self, as_of: stand_at(self, as_of + timedelta(days=45)))
    with pytest.raises(AssertionError):
        check_truncation(name, 3, 200)


@pytest.mark.parametrize("name", ["index_trend_100", "oil_ret_60"])
def test_mutant_that_reads_one_release_too_many_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    newest_values = KnownSeries.newest_values
    monkeypatch.setattr(KnownSeries, "newest_values", lambda self, count: newest_values(self, count + 1)[-count:])
    with pytest.raises(AssertionError):
        check_truncation(name, 3, 200)


@pytest.fixture(scope="module")
def real_inputs() -> FeatureInputs:
    """The bundled market as the build reads it."""
    clock, calendar = MarketClockOf(), exchange()
    market = clock.move_to(date(2013, 2, 27))
    move = clock.clock_move(market)
    return read_feature_inputs(bundled_lake(), calendar, load_policy(), market=market, move=move)


def reconcile(inputs: FeatureInputs, first: int, count: int) -> list[str]:
    """Sessions and features that differ between a build of many sessions and a build of each."""
    chosen = inputs.sessions[first : first + count]
    batch = {rows.session: rows for rows in compute_features(inputs, set(inputs.sessions))}
    return [found for session in chosen for found in differences(batch[session], inputs)]


def differences(rows: FeatureRows, inputs: FeatureInputs) -> list[str]:
    (alone,) = compute_features(inputs, {rows.session})
    assert alone.instruments == rows.instruments
    pairs = zip(rows.names, rows.values, alone.values, strict=True)
    return [f"{rows.session} {name}" for name, one, other in pairs if one.tobytes() != other.tobytes()]


def test_real_sessions_one_at_a_time_equal_all_at_once(real_inputs: FeatureInputs) -> None:
    assert reconcile(real_inputs, len(real_inputs.sessions) - 300, 300) == []


def test_a_stream_of_real_sessions_gives_the_bits_of_the_build(real_inputs: FeatureInputs) -> None:
    bars = real_inputs.bars
    last = bars.sessions - 1
    built, table = bars.compute_windowed(last - 299, last), bars._tabulate(0, last, bars.sessions)
    stream = WindowedStream(bars.names)
    for row in range(bars.sessions):
        found = stream.push(np.ascontiguousarray(table[:, row]))
        if row > last - 300:
            np.testing.assert_array_equal(found, built[:, row - last + 299])
    assert not np.isnan(built[:, :, 0]).any()


@pytest.mark.parametrize(("mutant", "name"), MUTANTS)
def test_mutant_is_found_on_real_sessions(
    real_inputs: FeatureInputs, mutant: Kernel, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bar_versions, "compute_windowed", mutant)
    found = reconcile(real_inputs, len(real_inputs.sessions) - 20, 20)
    assert {line.split()[1] for line in found} >= {name}
