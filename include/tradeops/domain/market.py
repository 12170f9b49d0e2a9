"""What the market did, and what of it was known at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tradeops.domain.errors import DataError, NotKnownYet
from tradeops.domain.identifiers import InstrumentId

FloatArray = npt.NDArray[np.float64]

VIEW_COLUMNS = ("close", "volume", "split", "dividend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One instrument's session in raw prices (USD a share) and raw shares."""

    instrument: InstrumentId
    session: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int

    def __post_init__(self) -> None:
        low, high = self.low, self.high
        inside = 0 < low <= min(self.open, self.close) and max(self.open, self.close) <= high
        if not inside or self.volume < 0:
            raise DataError(
                f"bar {self.instrument} {self.session} breaks low ≤ open, close ≤ high",
                instrument=self.instrument,
                session=self.session,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """What happens to holders of the previous close at the open of `session`, the ex-date.

    Args:
        ratio: New shares for one old share; 1 when nothing is split.
        dividend: Cash a share (USD), counted in shares after the split.
    """

    instrument: InstrumentId
    session: date
    ratio: Decimal = Decimal(1)
    dividend: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.ratio <= 0 or self.dividend < 0:
            raise DataError(
                f"corporate action {self.instrument} {self.session} has ratio {self.ratio} and "
                f"dividend {self.dividend}; they must be positive",
                instrument=self.instrument,
            )


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Watermark:
    """How far the streams had been written when a cycle was first claimed."""

    market: int
    ledger: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketView:
    """What was known at `as_of`: raw columns over the last sessions, oldest first.

    Args:
        as_of: Aware UTC time of the decision.
        watermark: Positions of the streams at the first claim.
        sessions: T session dates, ascending; the last one is the decision's session.
        instruments: N identifiers, ascending.
        columns: `VIEW_COLUMNS`, each float64 of shape (T, N): close in USD, volume in shares,
            split as new for old (1 when none), dividend in USD a share (0 when none).
        reference_prices: Last close of each instrument as the source wrote it, USD.
        features: (N,) float64 by feature name; NaN where a value could not be known.
    """

    as_of: datetime
    watermark: Watermark
    sessions: tuple[date, ...]
    instruments: tuple[InstrumentId, ...]
    columns: Mapping[str, FloatArray]
    reference_prices: Mapping[InstrumentId, Decimal]
    features: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.instruments))
        if tuple(sorted(self.columns)) != tuple(sorted(VIEW_COLUMNS)) or any(
            column.shape != shape or column.dtype != np.float64 for column in self.columns.values()
        ):
            raise DataError(f"view columns must be {VIEW_COLUMNS}, float64 of shape {shape}")
        if list(self.sessions) != sorted(set(self.sessions)) or list(self.instruments) != sorted(set(self.instruments)):
            raise DataError("sessions and instruments of a view are ascending and unique")
        if any(feature.shape != shape[1:] or feature.dtype != np.float64 for feature in self.features.values()):
            raise DataError(f"features of a view are float64 of shape {shape[1:]}")
        for column in (*self.columns.values(), *self.features.values()):
            column.setflags(write=False)
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "features", MappingProxyType(dict(self.features)))
        object.__setattr__(self, "reference_prices", MappingProxyType(dict(self.reference_prices)))

    @property
    def session(self) -> date:
        """The last session of the view."""
        return self.sessions[-1]

    def value(self, column: str, instrument: InstrumentId, session: date) -> float:
        """One number of the view.

        Raises:
            NotKnownYet: The session ends after the view's time.
            DataError: The view does not reach back that far or does not hold the instrument.
        """
        if session > self.session:
            raise NotKnownYet(
                f"{column} of {instrument} on {session} is not known at {self.as_of.isoformat()}",
                at=self.as_of,
                session=session,
            )
        try:
            row, item = self.sessions.index(session), self.instruments.index(instrument)
            return float(self.columns[column][row, item])
        except (ValueError, KeyError) as error:
            raise DataError(f"the view holds no {column} of {instrument} on {session}") from error
