"""Options: what they are, what is quoted for them, and how their value answers the market.

Prices and strikes are USD a share of the underlying.
"""

import math
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tradeops.domain.errors import InvalidPricingInput, PricingModelError
from tradeops.domain.identifiers import InstrumentId

ROUNDING = 1e-9


class OptionKind(StrEnum):
    """The right to buy or to sell."""

    CALL = "call"
    PUT = "put"

    @property
    def sign(self) -> int:
        """+1 for a call, −1 for a put."""
        return 1 if self is OptionKind.CALL else -1


class ExerciseStyle(StrEnum):
    """When the right may be used: at expiry, or at any time until then."""

    EUROPEAN = "european"
    AMERICAN = "american"


class PricingModel(StrEnum):
    """How options are priced: by their style's closed form, or on a lattice."""

    CLOSED_FORM = "closed-form"
    LATTICE = "lattice"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionContract:
    """One listed option.

    Args:
        underlying: The share.
        kind: Call or put.
        style: When it may be exercised.
        strike: USD a share, > 0.
        expiry: The last day of the right.
    """

    underlying: InstrumentId
    kind: OptionKind
    style: ExerciseStyle
    strike: Decimal
    expiry: date

    def __post_init__(self) -> None:
        if not (self.strike.is_finite() and self.strike > 0):
            raise InvalidPricingInput(
                f"strike {self.strike} of {self.underlying} {self.expiry} must be a price above 0", strike=self.strike
            )

    def __str__(self) -> str:
        return f"{self.underlying} {self.expiry} {self.kind} {self.strike}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionQuote:
    """What is bid and asked for one option.

    Args:
        contract: The option.
        bid: USD a share, ≥ 0.
        ask: USD a share, > 0 and ≥ bid.
    """

    contract: OptionContract
    bid: Decimal
    ask: Decimal

    def __post_init__(self) -> None:
        if not (self.bid.is_finite() and self.ask.is_finite() and 0 <= self.bid <= self.ask and self.ask > 0):
            raise InvalidPricingInput(
                f"quote {self.bid} / {self.ask} of {self.contract} needs 0 ≤ bid ≤ ask and ask > 0; leave it out",
                bid=self.bid,
                ask=self.ask,
            )

    @property
    def middle(self) -> Decimal:
        """Halfway between bid and ask, USD a share."""
        return (self.bid + self.ask) / 2

    @property
    def half_width(self) -> Decimal:
        """Half of ask less bid, USD a share."""
        return (self.ask - self.bid) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """The value of one option on one share, and how it answers each input while the others stay.

    Args:
        kind: Call or put: it decides which signs are possible.
        value: USD, ≥ 0.
        delta: USD a USD of spot; in [0, largest_delta] for a call, in [−largest_delta, 0] for a put.
        gamma: Delta a USD of spot, ≥ 0.
        vega: USD per 1.00 of volatility (a point is a hundredth of it), ≥ 0.
        theta: USD a year of calendar time passing.
        rho: USD per 1.00 of the rate.
        dividend_rho: USD per 1.00 of the dividend yield.
        vanna: Delta per 1.00 of volatility; as the next two nothing where the model has none.
        volga: Vega per 1.00 of volatility.
        charm: Delta a year of calendar time passing.
        largest_delta: What one share bought at expiry costs today, in shares: e^(−dividend yield · years), at
            least 1 where exercise is possible today.
    """

    kind: OptionKind
    value: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    dividend_rho: float
    vanna: float | None = None
    volga: float | None = None
    charm: float | None = None
    largest_delta: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "kind" and getattr(self, field.name) is not None:
                self._require(math.isfinite(getattr(self, field.name)), field.name, "must be finite")
        steep, slack = self.kind.sign * self.delta, ROUNDING * (1 + self.largest_delta)
        border = f"[0, {self.largest_delta}]" if self.kind is OptionKind.CALL else f"[-{self.largest_delta}, 0]"
        self._require(-slack <= steep <= self.largest_delta + slack, "delta", f"must lie in {border}")
        for name in ("value", "gamma", "vega"):
            self._require(getattr(self, name) >= 0, name, "must not be below 0")

    def _require(self, holds: bool, name: str, law: str) -> None:
        if not holds:
            number = getattr(self, name)
            raise PricingModelError(
                f"{name} {number} of a {self.kind} {law}: the model is wrong here, use another one",
                kind=self.kind,
                field=name,
                number=number,
            )
