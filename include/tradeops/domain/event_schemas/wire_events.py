"""The envelope on the wire, and which payload belongs to which type and version."""

from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar

from tradeops.domain.event_schemas.fields import AddressText, NameText, TimeText, WireModel
from tradeops.domain.event_schemas.payloads import (
    CURRENCY,
    BarV1,
    BarV2,
    CorporateActionV1,
    IndexBarV1,
    MacroReleaseV1,
    PayloadModel,
    SessionClosedV1,
)
from tradeops.domain.event_schemas.progress_payloads import DecisionRecordedV1, SessionFeaturesV1, SessionSettledV1

PayloadT_co = TypeVar("PayloadT_co", bound=PayloadModel, covariant=True)
Document = dict[str, object]


class WireEvent(WireModel, Generic[PayloadT_co]):
    """One event as it is stored: canonical JSON, keys sorted."""

    event_id: NameText
    type: NameText
    schema_version: int
    source: NameText
    sequence: AddressText
    key: NameText
    event_time: TimeText
    known_time: TimeText
    basis: Literal["observed", "assumed"]
    trace: dict[str, str]
    payload: PayloadT_co


# By type, then by version. Older versions are read through `UP_CASTERS`.
EVENT_SCHEMAS: Mapping[str, dict[int, type[WireEvent[PayloadModel]]]] = {
    "bar": {1: WireEvent[BarV1], 2: WireEvent[BarV2]},
    "corporate_action": {1: WireEvent[CorporateActionV1]},
    "index_bar": {1: WireEvent[IndexBarV1]},
    "macro_release": {1: WireEvent[MacroReleaseV1]},
    "session_closed": {1: WireEvent[SessionClosedV1]},
    "session_features": {1: WireEvent[SessionFeaturesV1]},
    "decision_recorded": {1: WireEvent[DecisionRecordedV1]},
    "session_settled": {1: WireEvent[SessionSettledV1]},
}


def _name_currency(payload: Document) -> Document:
    """Before version 2 nothing but USD was ever traded."""
    return {**payload, "currency": CURRENCY}


# Payloads of a type and version as the next version writes them.
UP_CASTERS: Mapping[tuple[str, int], Callable[[Document], Document]] = {("bar", 1): _name_currency}
# What a version has beside the fields of the domain's value.
CONSTANTS: Mapping[tuple[str, int], Document] = {("bar", 2): {"currency": CURRENCY}}
