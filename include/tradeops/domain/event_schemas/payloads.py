"""Schemas of payloads, one a type and version; prices must fit together."""

from abc import abstractmethod
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tradeops.domain.event_schemas.fields import DateText, DecimalText, NameText, WireModel, complain
from tradeops.domain.events import IndexBar, MacroRelease, Payload, SessionClosed
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import Bar, CorporateAction

CURRENCY = "USD"
EXCHANGE = "XNYS"  # key of its sessions


class PayloadModel(WireModel):
    """What happened, as written."""

    @property
    def traded_on(self) -> date | None:
        """The session that the exchange must have been open in, if it is about one."""
        return None

    @property
    @abstractmethod
    def key(self) -> str:
        """What the event is about."""

    @abstractmethod
    def to_payload(self) -> Payload:
        """The domain's value."""


class SessionPayload(PayloadModel):
    """Something that happened in a session."""

    session: DateText

    @property
    def traded_on(self) -> date | None:
        """The session."""
        return self.session


class Prices(SessionPayload):
    """Open, high, low and close of a session; low ≤ open, close ≤ high."""

    PRICES: ClassVar = ("open", "high", "low", "close")

    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: Annotated[int, Field(le=10**18)]

    @model_validator(mode="after")
    def _fit(self) -> Self:
        for name in self.PRICES:
            if (price := getattr(self, name)) <= 0:
                raise complain("price_not_positive", f"{name} is {price}; prices are positive")
        if self.high < self.low:
            raise complain("high_below_low", f"high {self.high} is below low {self.low}")
        for name in ("open", "close"):
            if not self.low <= (price := getattr(self, name)) <= self.high:
                raise complain(f"{name}_outside_range", f"{name} {price} is outside {self.low} … {self.high}")
        if self.volume < 0:
            raise complain("negative_volume", f"volume is {self.volume}; it cannot be negative")
        return self


class BarV1(Prices):
    """One instrument's session: raw prices a share, in a currency that was not named."""

    instrument: NameText

    @property
    def key(self) -> str:
        """The instrument."""
        return self.instrument

    def to_payload(self) -> Bar:
        """The domain's value."""
        return Bar(
            instrument=InstrumentId(self.instrument),
            session=self.session,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
        )


class BarV2(BarV1):
    """Raw prices in USD a share: our money is USD, nothing else is accepted."""

    currency: Literal["USD"]


class IndexBarV1(Prices):
    """One session of an index, in points."""

    index: NameText

    @property
    def key(self) -> str:
        """The index."""
        return self.index

    def to_payload(self) -> IndexBar:
        """The domain's value."""
        return IndexBar(
            index=self.index,
            session=self.session,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
        )


class CorporateActionV1(SessionPayload):
    """New shares for an old one, and USD a new share, at the open of the ex-date `session`."""

    instrument: NameText
    ratio: DecimalText
    dividend: DecimalText

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.ratio <= 0:
            raise complain("ratio_not_positive", f"ratio is {self.ratio}; it is positive")
        if self.dividend < 0:
            raise complain("negative_dividend", f"dividend is {self.dividend}; it cannot be negative")
        if (self.ratio, self.dividend) == (Decimal(1), Decimal(0)):
            raise complain("no_action", "ratio 1 and dividend 0 are no corporate action")
        return self

    @property
    def key(self) -> str:
        """The instrument."""
        return self.instrument

    def to_payload(self) -> CorporateAction:
        """The domain's value."""
        return CorporateAction(
            instrument=InstrumentId(self.instrument), session=self.session, ratio=self.ratio, dividend=self.dividend
        )


class MacroReleaseV1(PayloadModel):
    """A value in the series' own unit; `period` is the first day of what it describes."""

    series: NameText
    period: DateText
    value: DecimalText

    @property
    def key(self) -> str:
        """The series."""
        return self.series

    def to_payload(self) -> MacroRelease:
        """The domain's value."""
        return MacroRelease(series=self.series, period=self.period, value=self.value)


class SessionClosedV1(SessionPayload):
    """All bars of the session are loaded."""

    @property
    def key(self) -> str:
        """The exchange: there is one."""
        return EXCHANGE

    def to_payload(self) -> SessionClosed:
        """The domain's value."""
        return SessionClosed(session=self.session)
