"""Events to their canonical bytes and back; older versions are read through up-casters."""

from typing import cast

from pydantic import ValidationError

from tradeops.domain.canonical import encode_canonical, to_plain
from tradeops.domain.errors import ConfigurationError, DataError
from tradeops.domain.event_schemas.payloads import PayloadModel
from tradeops.domain.event_schemas.refusals import explain, find_version
from tradeops.domain.event_schemas.strict_json import parse_object, refuse, show
from tradeops.domain.event_schemas.wire_events import (
    CONSTANTS,
    EVENT_SCHEMAS,
    UP_CASTERS,
    Document,
    WireEvent,
)
from tradeops.domain.events import Basis, Event


def encode_event(event: Event) -> bytes:
    """Canonical bytes of an event in the newest version of its schema.

    Raises:
        ConfigurationError: There is no such type, or the version is not the newest.
    """
    newest = max(EVENT_SCHEMAS.get(event.type, {0: None}))
    if event.schema_version != newest:
        raise ConfigurationError(f"{event.type} is written in version {newest}, not {event.schema_version}")
    payload = {**cast("Document", to_plain(event.payload)), **CONSTANTS.get((event.type, newest), {})}
    return encode_canonical(
        {
            "event_id": event.event_id,
            "type": event.type,
            "schema_version": event.schema_version,
            "source": event.source,
            "sequence": event.sequence,
            "key": event.key,
            "event_time": event.event_time,
            "known_time": event.known_time,
            "basis": event.basis,
            "trace": event.trace,
            "payload": payload,
        }
    )


def decode_event(data: bytes) -> Event:
    """The event of some bytes, in the newest version of its schema.

    Raises:
        InvalidRecord: They are no event, or their `event_id` is not that of the content; the
            context's `reason` says which.
    """
    found = parse_object(data)
    kind = found.get("type")
    versions = EVENT_SCHEMAS.get(kind) if isinstance(kind, str) else None
    if versions is None:
        raise refuse("unknown_type", f"type is {show(kind)}; known: {', '.join(EVENT_SCHEMAS)}", field="type")
    version = find_version(found, versions)
    try:
        wire = versions[version].model_validate(found)
        newest = _read_newest(wire, cast("Document", found["payload"]))
        event = _make_event(wire, newest)
    except ValidationError as error:
        raise explain(error) from error
    except DataError as error:
        raise refuse("broken_invariant", error.message) from error
    if event.event_id != wire.event_id:
        raise refuse("wrong_event_id", f"event_id is {show(wire.event_id)}, that of the content {event.event_id}")
    return event


def _read_newest(wire: WireEvent[PayloadModel], payload: Document) -> PayloadModel:
    versions = EVENT_SCHEMAS[wire.type]
    for version in range(wire.schema_version, max(versions)):
        payload = UP_CASTERS[wire.type, version](payload)
    if wire.schema_version == max(versions):
        return wire.payload
    model = versions[max(versions)].model_fields["payload"].annotation
    return cast("type[PayloadModel]", model).model_validate(payload)


def _make_event(wire: WireEvent[PayloadModel], newest: PayloadModel) -> Event:
    return Event(
        type=wire.type,
        schema_version=max(EVENT_SCHEMAS[wire.type]),
        source=wire.source,
        sequence=wire.sequence,
        key=wire.key,
        event_time=wire.event_time,
        known_time=wire.known_time,
        basis=Basis(wire.basis),
        trace=wire.trace,
        payload=newest.to_payload(),
    )
