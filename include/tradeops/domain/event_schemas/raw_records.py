"""Schemas of raw records: what a connector publishes, everything but the version as text."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import model_validator

from tradeops.domain.event_schemas.fields import AddressText, NameText, TimeText, WholeText, complain
from tradeops.domain.event_schemas.payloads import BarV1, CorporateActionV1, IndexBarV1, MacroReleaseV1, PayloadModel
from tradeops.domain.topics import ACTIONS_RAW, BARS_RAW, INDEX_BARS_RAW, MACRO_RAW


class RawRecordModel(PayloadModel):
    """What every raw record says about itself, beside the source's own fields."""

    schema_version: int
    source: NameText
    sequence: AddressText
    event_time: TimeText
    known_time: TimeText
    basis: Literal["observed", "assumed"]

    @model_validator(mode="after")
    def _known_after_it_was_true(self) -> Self:
        if self.known_time < self.event_time:
            raise complain("known_before_event", f"known_time {self.known_time} is before event_time {self.event_time}")
        return self


class RawBar(RawRecordModel, BarV1):
    """One instrument's session: raw prices in USD a share."""

    volume: WholeText


class RawIndexBar(RawRecordModel, IndexBarV1):
    """One session of an index, in points."""

    volume: WholeText


class RawCorporateAction(RawRecordModel, CorporateActionV1):
    """A split or a dividend with ex-date `session`."""


class RawMacroRelease(RawRecordModel, MacroReleaseV1):
    """One published value of a series."""


# By raw topic, then by version.
RAW_SCHEMAS: Mapping[str, dict[int, type[RawRecordModel]]] = {
    BARS_RAW.name: {1: RawBar},
    ACTIONS_RAW.name: {1: RawCorporateAction},
    INDEX_BARS_RAW.name: {1: RawIndexBar},
    MACRO_RAW.name: {1: RawMacroRelease},
}
