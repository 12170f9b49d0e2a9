"""Windowed features against polars, and one session at a time against all at once."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rolling_peers import compute_with_pandas, compute_with_polars
from tests.unit.features.random_market import random_bars
from tradeops.domain.errors import DataError
from tradeops.domain.market import FloatArray
from tradeops.features import kernels
from tradeops.features.declarations import FEATURES
from tradeops.features.kernels import DIVIDEND, SPLIT
from tradeops.features.windowed import WINDOWED, WindowedStream, compute_windowed

LOOKBACKS = {declared.name: declared.lookback for declared in FEATURES}
BOUNDS = {"rsi_14": 0, "mfi_14": 0, "range_position_20": 0, "cmf_20": -1, "obv_20": -1}


@pytest.fixture(scope="module")
def oracle() -> tuple[FloatArray, pl.DataFrame]:
    bars = random_bars(5, 900, 1)
    assert (bars[SPLIT] != 1).sum() > 3 and (bars[DIVIDEND] > 0).sum() > 5
    return compute_windowed(bars)[:, :, 0], compute_with_polars(bars[:, :, 0])


@pytest.mark.parametrize("name", WINDOWED)
def test_a_feature_equals_its_formula_in_polars(oracle: tuple[FloatArray, pl.DataFrame], name: str) -> None:
    ours, theirs = oracle[0][WINDOWED.index(name)], oracle[1][name].to_numpy()
    first = LOOKBACKS[name] - 1
    np.testing.assert_allclose(ours[first:], theirs[first:], rtol=1e-9, atol=1e-12)
    assert np.isnan(ours[:first]).all() and np.isfinite(ours[first:]).all()


def test_the_peers_of_the_benchmark_compute_the_same(oracle: tuple[FloatArray, pl.DataFrame]) -> None:
    frame = compute_with_pandas(random_bars(5, 900, 1)[:, :, 0])
    for name in WINDOWED:
        np.testing.assert_allclose(
            frame[name].to_numpy()[130:], oracle[1][name].to_numpy()[130:], rtol=1e-9, atol=1e-12, err_msg=name
        )


def test_the_oracle_has_every_windowed_feature(oracle: tuple[FloatArray, pl.DataFrame]) -> None:
    assert sorted(oracle[1].columns) == sorted(WINDOWED)
    assert [getattr(kernels, name.upper()) for name in WINDOWED] == list(range(kernels.WINDOWED_ROWS))


def stream(bars: FloatArray, spare: int = 480) -> FloatArray:
    windowed = WindowedStream(bars.shape[2], spare)
    return np.stack([windowed.push(np.ascontiguousarray(bars[:, row])) for row in range(bars.shape[1])], axis=1)


def same_bits(one: FloatArray, other: FloatArray) -> bool:
    return np.array_equal(one, other, equal_nan=True) and bool((np.signbit(one) == np.signbit(other))[one == 0].all())


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999),
    names=st.integers(1, 4),
    spare=st.integers(1, 130),
    holes=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 3)), max_size=3),
)
def test_one_session_at_a_time_gives_the_bits_of_all_at_once(
    seed: int, names: int, spare: int, holes: list[tuple[int, int]]
) -> None:
    bars = random_bars(seed, 300, names)
    for row, column in holes:
        bars[:4, row, column % names] = np.nan
    assert same_bits(compute_windowed(bars), stream(bars, spare))


def test_the_bits_do_not_depend_on_the_other_names_nor_on_the_block() -> None:
    bars = random_bars(3, 700, 4)  # several blocks, that end at other sessions than those of one name
    together = compute_windowed(bars)
    for column in range(4):
        alone = compute_windowed(np.ascontiguousarray(bars[:, :, column : column + 1]))
        assert same_bits(together[:, :, column], alone[:, :, 0])


@pytest.mark.parametrize("name", WINDOWED)
def test_a_hole_in_the_window_is_unknown_and_outside_it_is_not_noticed(name: str) -> None:
    bars, row, lookback = random_bars(8, 300, 1), 150, LOOKBACKS[name]
    whole = compute_windowed(bars)[WINDOWED.index(name), :, 0]
    bars[:4, row] = np.nan
    found = compute_windowed(bars)[WINDOWED.index(name), :, 0]
    assert np.isnan(found[row : row + lookback]).all()
    assert same_bits(found[row + lookback :], whole[row + lookback :])
    assert same_bits(found[:row], whole[:row])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999), quiet=st.floats(0.0, 1.0))
def test_bounded_features_stay_in_their_bounds(seed: int, quiet: float) -> None:
    bars = random_bars(seed, 200, 2)
    still = np.random.default_rng(seed).random(200) < quiet
    bars[:3, still] = 10.0
    found = compute_windowed(bars)[:, 130:]
    for name, low in BOUNDS.items():
        values = found[WINDOWED.index(name)]
        assert ((values >= low) & (values <= 1) | np.isnan(values)).all(), name
    assert not np.isinf(found).any()
    assert (found[WINDOWED.index("drawdown_120")] <= 0).all()


def test_a_price_that_never_moves_has_no_variation_and_no_direction() -> None:
    bars = np.tile(np.array([10.0, 10.0, 10.0, 1e6, 1.0, 0.0])[:, None, None], (1, 130, 1))
    found = dict(zip(WINDOWED, compute_windowed(bars)[:, -1, 0].tolist(), strict=True))
    assert found["ret_60"] == found["vol_60"] == found["drawdown_120"] == found["sma_ratio_100"] == 0.0
    for name in ("reversal_5", "trend_z_100", "rsi_14", "mfi_14", "range_position_20", "vol_ratio_20_60"):
        assert math.isnan(found[name]), name


def test_a_split_changes_nothing_but_the_last_digits() -> None:
    bars = random_bars(11, 260, 2)
    bars[SPLIT], bars[DIVIDEND] = 1.0, 0.0
    split = bars.copy()
    split[:3, 200:] /= 4.0
    split[3, 200:] *= 4.0
    split[SPLIT, 200] = 4.0
    np.testing.assert_allclose(compute_windowed(split), compute_windowed(bars), rtol=1e-9, atol=1e-12)


def test_bars_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match="shape"):
        compute_windowed(np.ones((5, 10, 2)))
    with pytest.raises(DataError, match="shape"):
        WindowedStream(2).push(np.ones((6, 3)))
