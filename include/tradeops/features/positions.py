"""Where instruments stand in the columns of a view or a forecast."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import DataError
from tradeops.domain.identifiers import InstrumentId


def find_column(instruments: Sequence[InstrumentId], instrument: InstrumentId) -> int | None:
    """Position of an instrument in an ascending sequence; None if it is not there."""
    position = bisect_left(instruments, instrument)
    found = position < len(instruments) and instruments[position] == instrument
    return position if found else None


def locate_columns(instruments: tuple[InstrumentId, ...], wanted: tuple[InstrumentId, ...]) -> npt.NDArray[np.intp]:
    """(M,) positions of the wanted instruments in an ascending sequence, in the order asked for.

    Raises:
        DataError: One of them is not there.
    """
    if wanted is instruments:
        return np.arange(len(instruments))
    found = [find_column(instruments, name) for name in wanted]
    if None in found:
        missing = wanted[found.index(None)]
        raise DataError(f"no column holds {missing}", instrument=missing)
    return np.array(found, dtype=np.intp)
