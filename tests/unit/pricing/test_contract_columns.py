"""Columns reach the kernels in one form, whatever form they came in."""

import numpy as np

from tradeops.pricing.contract_columns import CONTRACT, lay_out
from tradeops.pricing.implied_volatility import solve_implied_volatility
from tradeops.pricing.implied_volatility_kernels import solve_rows

FORMS = {
    "kind": np.int8(1),
    "spot": 100,
    "strike": np.array([90.0, 100.0, 110.0])[::-1],
    "years": np.broadcast_to(np.array(0.5), 3),
    "rate": [0.03, 0.03, 0.04],
    "dividend_yield": np.array([0.0, 0.0, 0.0], np.float32),
    "volatility": np.array([0.2, 0.3, 0.4]),
}


def test_every_column_is_flat_contiguous_writable_and_of_float64() -> None:
    FORMS["volatility"].flags.writeable = False
    shape, columns = lay_out({name: FORMS[name] for name in CONTRACT})
    assert shape == (3,)
    for column in columns.values():
        assert column.shape == (3,) and column.dtype == np.float64
        assert column.flags.c_contiguous and column.flags.writeable
    assert columns["strike"].tolist() == [110.0, 100.0, 90.0]


def test_a_column_that_is_so_already_is_not_copied() -> None:
    spot = np.array([1.0, 2.0])
    assert np.shares_memory(lay_out({"spot": spot, "strike": 1.0})[1]["spot"], spot)


def test_a_kernel_is_compiled_once_whatever_comes() -> None:
    for strike in (100.0, [90.0, 100.0], np.broadcast_to(np.array(100.0), 2), np.array([[90, 100]])):
        for rate in (0, [0.0, 0.0]):
            solve_implied_volatility([1, -1], 9.0, 100.0, strike, 1.0, rate, 0.0)
    assert len(solve_rows.signatures) == 1
