"""How many shares change hands."""

import numpy as np
import numpy.typing as npt

from tradeops.domain.market import FloatArray, MarketView
from tradeops.features.rows import last_rows, multiply_up, sum_rows

VOLUME_WINDOW = 20


def compute_average_volume(view: MarketView, columns: npt.NDArray[np.intp], window: int = VOLUME_WINDOW) -> FloatArray:
    """Mean daily volume in shares of the last session.

    A session's raw volume is multiplied by every split after it, so that 1,000 shares before a
    2:1 split count as 2,000.

    Args:
        view: `window` rows of it are read.
        columns: (M,) positions of the instruments in the view.
        window: Sessions.

    Returns:
        (M,) float64, shares a day.

    Raises:
        DataError: The view is shorter than `window` rows.
    """
    volume = last_rows(view, "volume", window, columns)
    split = last_rows(view, "split", window, columns)
    if (split != 1.0).any():
        later = np.ones_like(split)
        later[:-1] = multiply_up(split[:0:-1])[::-1]
        volume = volume * later
    average: FloatArray = sum_rows(volume) / window
    return average
