"""Features against independent formulas, and cut off on either side."""

import statistics
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import build_view, random_closes
from tradeops.domain.errors import DataError
from tradeops.domain.market import FloatArray, MarketView
from tradeops.features.positions import find_column, locate_columns
from tradeops.features.rows import WIDE, multiply_up, sum_rows
from tradeops.features.total_return import compute_simple_returns
from tradeops.features.volatility import compute_covariance, compute_volatility, correlate
from tradeops.features.volume import compute_average_volume


def make_view(seed: int = 1, rows: int = 80, columns: int = 3) -> MarketView:
    """A market with a 2:1 split of the first name, a 7:1 of the second, and dividends."""
    rng = np.random.default_rng(seed)
    closes = random_closes(seed, rows, columns)
    splits, dividends = np.ones((rows, columns)), np.zeros((rows, columns))
    splits[rows - 8, 0] = 2.0
    splits[rows - 30, 1] = 7.0
    dividends[rows - 15] = 0.5
    for row, column in ((rows - 8, 0), (rows - 30, 1)):
        closes[row:, column] = np.round(closes[row:, column] / splits[row, column], 2)
    return build_view(closes, volumes=rng.integers(1e5, 1e7, (rows, columns)), splits=splits, dividends=dividends)


def cut(view: MarketView, first: int, rows: int) -> MarketView:
    """The view that holds only some of the sessions."""
    chosen = slice(first, first + rows)
    return replace(
        view, sessions=view.sessions[chosen], columns={name: c[chosen].copy() for name, c in view.columns.items()}
    )


def holder_value(view: MarketView, column: int, first: int) -> list[float]:
    """Value of one share bought at the close of `first`, dividends reinvested at the close."""
    close, split, dividend = (view.columns[c][:, column].tolist() for c in ("close", "split", "dividend"))
    shares, values = 1.0 / close[first], [1.0]
    for t in range(first + 1, len(close)):
        shares *= split[t]
        shares += shares * dividend[t] / close[t]
        values.append(shares * close[t])
    return values


def test_returns_are_those_of_a_reinvesting_holder() -> None:
    view = make_view()
    returns = compute_simple_returns(view, 49)
    for column in range(3):
        values = np.array(holder_value(view, column, 30))
        np.testing.assert_allclose(returns[:, column], values[1:] / values[:-1] - 1, rtol=0, atol=1e-12)


def test_a_split_alone_returns_nothing() -> None:
    view = build_view([[100.0], [50.0], [25.0]], splits=[[1.0], [2.0], [2.0]])
    assert compute_simple_returns(view, 2).tolist() == [[0.0], [0.0]]


def test_a_dividend_by_hand() -> None:
    # 100 -> 2 shares at 49 with 1.50 each: (49 + 1.5)·2 / 100 − 1 = 1 %.
    view = build_view([[100.0], [49.0]], splits=[[1.0], [2.0]], dividends=[[0.0], [1.5]])
    assert compute_simple_returns(view, 1)[0, 0] == pytest.approx(0.01, abs=1e-15)


def test_volatility_and_covariance_against_other_implementations() -> None:
    view = make_view()
    returns = compute_simple_returns(view, 60)
    volatility = compute_volatility(view, 60)
    np.testing.assert_allclose(volatility, [statistics.stdev(returns[:, i].tolist()) for i in range(3)], rtol=1e-12)
    frame = pd.DataFrame(returns)
    covariance = compute_covariance(view, 60, np.array([0, 1, 2]))
    np.testing.assert_allclose(covariance, frame.cov().to_numpy(), rtol=1e-11)
    np.testing.assert_allclose(correlate(covariance), frame.corr().to_numpy(), rtol=1e-11)
    np.testing.assert_array_equal(covariance, covariance.T)


def test_a_name_without_variation() -> None:
    closes = random_closes(4, 61, 2)
    closes[:, 0] = 33.3
    view = build_view(closes)
    assert compute_volatility(view, 60)[0] == 0.0
    np.testing.assert_array_equal(correlate(compute_covariance(view, 60, np.array([0, 1]))), np.eye(2))


def test_average_volume_in_todays_shares() -> None:
    # 100 shares three sessions ago are 600 of today's after 2:1 and 3:1; 60 at the 2:1 are 180.
    view = build_view([[1.0]] * 4, volumes=[[100.0], [60.0], [90.0], [30.0]], splits=[[1.0], [2.0], [3.0], [1.0]])
    assert compute_average_volume(view, np.array([0]), window=4)[0] == (600 + 180 + 90 + 30) / 4


Feature = Callable[[MarketView], FloatArray]
FEATURES: dict[str, tuple[int, Feature]] = {
    "returns": (61, lambda view: compute_simple_returns(view, 60)),
    "volatility": (61, lambda view: compute_volatility(view, 60)),
    "covariance": (61, lambda view: compute_covariance(view, 60, np.arange(3))),
    "volume": (20, lambda view: compute_average_volume(view, np.arange(3))),
}


def check_truncation(feature: Feature, lookback: int, view: MarketView, last: int) -> None:
    """Neither what lies before the look-back nor what comes later changes a bit."""
    whole = feature(cut(view, 0, last))
    only = feature(cut(view, last - lookback, lookback))
    assert whole.tobytes() == only.tobytes()


@pytest.mark.parametrize("name", FEATURES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), last=st.integers(61, 80))
def test_nothing_outside_the_lookback_changes_a_bit(name: str, seed: int, last: int) -> None:
    lookback, feature = FEATURES[name]
    check_truncation(feature, lookback, make_view(seed), last)


MUTANTS: dict[str, Feature] = {
    "reads_further_back": lambda view: view.columns["close"].mean(axis=0),
    "starts_at_the_views_start": lambda view: np.cumprod(
        1 + compute_simple_returns(view, len(view.sessions) - 1), axis=0
    )[-1],
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_with_an_open_ended_lookback_is_found(name: str) -> None:
    with pytest.raises(AssertionError):
        check_truncation(MUTANTS[name], 61, make_view(), 75)


@pytest.mark.parametrize("name", FEATURES)
def test_a_shorter_view_is_refused(name: str) -> None:
    lookback, feature = FEATURES[name]
    with pytest.raises(DataError):
        feature(cut(make_view(), 0, lookback - 1))


def test_a_name_has_the_same_bits_whatever_stands_beside_it() -> None:
    view = make_view()
    alone = replace(
        view,
        instruments=view.instruments[1:2],
        columns={name: column[:, 1:2].copy() for name, column in view.columns.items()},
    )
    for _, feature in (FEATURES["volatility"], FEATURES["returns"]):
        assert feature(alone).tobytes() == feature(view)[..., 1:2].tobytes()


def test_wide_and_narrow_views_give_the_same_bits() -> None:
    values = np.random.default_rng(1).lognormal(size=(70, WIDE + 5))
    for run in (sum_rows, multiply_up):
        narrow = np.hstack([np.atleast_2d(run(values[:, i : i + 1])) for i in range(values.shape[1])])
        assert np.atleast_2d(run(values)).tobytes() == narrow.tobytes()


def test_positions() -> None:
    names = make_view().instruments
    assert [find_column(names, name) for name in (*names, "A", "ZZ")] == [0, 1, 2, None, None]
    assert locate_columns(names, names[::-1]).tolist() == [2, 1, 0]
    with pytest.raises(DataError, match="ZZ"):
        locate_columns(names, ("ZZ",))
