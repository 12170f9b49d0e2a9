"""What a blender learns from: a row a session and instrument, with what followed."""

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from tradeops.coordination.boosted_blend import BlenderInputs
from tradeops.domain.columnar import encode_columns
from tradeops.domain.errors import LearningError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import FloatArray

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRows:
    """R rows in the order of sessions, then instruments.

    Args:
        columns: The F columns of a row.
        sessions: T sessions without a gap; the last one's outcome is known, too.
        instruments: N names, ascending.
        session: (R,) position in `sessions`.
        instrument: (R,) position in `instruments`.
        inputs: (R, F) as at decision time.
        prior: (R,) blended score of the prior blend.
        sigma: (R,) standard deviation over the horizon, a fraction.
        outcome: (R,) total return over the horizon in those deviations.
    """

    columns: BlenderInputs
    sessions: tuple[date, ...]
    instruments: tuple[InstrumentId, ...]
    session: Positions
    instrument: Positions
    inputs: FloatArray
    prior: FloatArray
    sigma: FloatArray
    outcome: FloatArray

    def __post_init__(self) -> None:
        count = len(self.outcome)
        vectors = (self.session, self.instrument, self.prior, self.sigma)
        if any(len(one) != count for one in vectors) or self.inputs.shape != (count, len(self.columns.names)):
            raise LearningError(f"columns of training rows do not fit {count} rows")
        if not (np.isfinite(self.outcome).all() and np.isfinite(self.prior).all() and (self.sigma > 0).all()):
            raise LearningError("training rows need a finite outcome, a prior score and a deviation above 0")

    @property
    def data_version(self) -> str:
        """SHA-256 (hex) over every number."""
        header = {"columns": self.columns, "sessions": self.sessions, "instruments": self.instruments}
        numbers = {"inputs": self.inputs, "prior": self.prior, "sigma": self.sigma, "outcome": self.outcome}
        places = {"session": self.session.astype(np.float64), "instrument": self.instrument.astype(np.float64)}
        return hashlib.sha256(encode_columns(header, {**numbers, **places})).hexdigest()

    def find_rows(self, sessions: range) -> Positions:
        """Positions of the rows of some sessions."""
        return np.flatnonzero((self.session >= sessions.start) & (self.session < sessions.stop))

    def spread_out(self, rows: Positions, values: FloatArray) -> FloatArray:
        """(T, N) panel of a value a row; NaN elsewhere."""
        panel = np.full((len(self.sessions), len(self.instruments)), np.nan)
        panel[self.session[rows], self.instrument[rows]] = values
        return panel
