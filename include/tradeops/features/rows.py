"""Running figures down the rows of a view, in one fixed order of addition.

`np.sum` picks its order of addition by the array's shape and memory layout. These do not: row follows
row, so an instrument's figure has the same bits whatever else stands in the view.
"""

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import DataError
from tradeops.domain.market import FloatArray, MarketView

# From about here a loop over whole rows is faster than numpy's accumulate; both give the same bits.
WIDE = 256


def last_rows(view: MarketView, column: str, rows: int, items: npt.NDArray[np.intp] | None = None) -> FloatArray:
    """The newest `rows` rows of a column, oldest first, of some instruments or of all.

    Raises:
        DataError: The view is shorter, so the look-back would not be the declared one.
    """
    if not 0 < rows <= len(view.sessions):
        raise DataError(
            f"a look-back of {rows} rows needs as many in the view, which holds {len(view.sessions)}",
            rows=rows,
        )
    newest = view.columns[column][-rows:]
    return newest if items is None else newest.take(items, axis=1)


def sum_rows(values: FloatArray) -> FloatArray:
    """(N,) sum over axis 0 of (T, N), row after row."""
    if values.shape[-1] < WIDE:
        total: FloatArray = np.add.accumulate(values, axis=0)[-1]
        return total
    total = values[0].copy()
    for row in values[1:]:
        total += row
    return total


def multiply_up(values: FloatArray) -> FloatArray:
    """(T, N) running product over axis 0, row after row."""
    if values.shape[-1] < WIDE:
        product: FloatArray = np.multiply.accumulate(values, axis=0)
        return product
    product = values.copy()
    for row in range(1, len(product)):
        product[row] *= product[row - 1]
    return product
