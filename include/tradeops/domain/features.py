"""Features of one session in columns: what agents and models judge from."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from tradeops.domain.errors import DataError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureRows:
    """Every feature of every instrument of the universe at one session.

    Args:
        session: Which session; the values are as of its decision time.
        market: Sequence of the market clock's move after which they were built.
        schema: Hash of the feature declarations.
        instruments: N identifiers, ascending.
        names: F names, ascending.
        values: (F, N) float64; NaN where a value could not be known.
    """

    session: date
    market: int
    schema: str
    instruments: tuple[InstrumentId, ...]
    names: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.names), len(self.instruments)) or self.values.dtype != np.float64:
            raise DataError(f"features of {self.session} are not float64 of shape (features, instruments)")
        if list(self.names) != sorted(set(self.names)) or list(self.instruments) != sorted(set(self.instruments)):
            raise DataError("names and instruments of features are ascending and unique")
        self.values.setflags(write=False)
