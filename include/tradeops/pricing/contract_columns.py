"""Arguments of any shape as flat float64 columns of one length."""

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import InvalidPricingInput
from tradeops.domain.market import FloatArray

NumberColumn = npt.ArrayLike
CONTRACT = ("kind", "spot", "strike", "years", "rate", "dividend_yield", "volatility")


def lay_out(columns: dict[str, NumberColumn]) -> tuple[tuple[int, ...], dict[str, FloatArray]]:
    """Broadcast the columns against each other and lay them flat.

    Args:
        columns: Real numbers or arrays of them, by the argument's name.

    Returns:
        The common shape, and by name (N,) float64 in C order; not copied where the argument is that already
        and may be written.

    Raises:
        InvalidPricingInput: An argument holds no real numbers, or the shapes do not broadcast.
    """
    arrays = {name: _read(name, column) for name, column in columns.items()}
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError as error:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise InvalidPricingInput(f"shapes do not broadcast: {shapes}", shapes=shapes) from error
    return shape, {name: _lay_flat(array, shape) for name, array in arrays.items()}


def lay_out_contract(*columns: NumberColumn) -> tuple[tuple[int, ...], dict[str, FloatArray]]:
    """The same for the arguments of one contract, in the order of `CONTRACT`."""
    return lay_out(dict(zip(CONTRACT, columns, strict=True)))


def _lay_flat(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    flat = np.ascontiguousarray(np.broadcast_to(array, shape) if array.shape != shape else array).reshape(-1)
    # A kernel is compiled anew for every mixture of writable and read-only columns.
    return flat if flat.flags.writeable else flat.copy()


def _read(name: str, column: NumberColumn) -> FloatArray:
    try:
        array = np.asarray(column)
    except (TypeError, ValueError) as error:
        raise InvalidPricingInput(f"{name} is a number or an array of numbers: {error}", field=name) from error
    if array.dtype.kind not in "iuf":
        raise InvalidPricingInput(f"{name} holds real numbers, not {array.dtype}: convert them first", field=name)
    return array.astype(np.float64, copy=False)
