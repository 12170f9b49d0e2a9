"""Raw records become events, or are refused with a reason."""

from collections.abc import Callable
from datetime import date

from pydantic import ValidationError

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.event_schemas.raw_records import RAW_SCHEMAS, RawRecordModel
from tradeops.domain.event_schemas.refusals import explain, find_version
from tradeops.domain.event_schemas.strict_json import parse_object, refuse
from tradeops.domain.events import Basis, Event
from tradeops.domain.topics import RAW_TO_VALIDATED


def validate_raw(topic: str, value: bytes, *, is_session: Callable[[date], bool]) -> Event:
    """The event that a raw record says.

    Args:
        topic: Name of the raw topic it came on.
        value: The message's bytes.
        is_session: Whether the exchange is open on a date.

    Raises:
        InvalidRecord: It breaks its schema; the message begins with a short reason, which is also
            the context's `reason`, and names field and value.
        ConfigurationError: The topic has no raw schema.
    """
    versions = RAW_SCHEMAS.get(topic)
    if versions is None:
        raise ConfigurationError(f"there is no raw schema of topic {topic!r}; known: {', '.join(RAW_SCHEMAS)}")
    found = parse_object(value)
    model = versions[find_version(found, versions)]
    try:
        record = model.model_validate(found)
    except ValidationError as error:
        raise explain(error) from error
    if record.traded_on is not None:
        _check_session(record, record.traded_on, is_session)
    return _make_event(topic, record)


def _check_session(record: RawRecordModel, session: date, is_session: Callable[[date], bool]) -> None:
    if not is_session(session):
        raise refuse("not_a_session", f"session {session} is no session of the exchange", field="session")
    # Each session of the exchange lies within one day of UTC.
    if record.event_time.date() != session:
        message = f"event_time {record.event_time} is not in session {session}"
        raise refuse("not_in_session", message, field="event_time")


def _make_event(topic: str, record: RawRecordModel) -> Event:
    validated = RAW_TO_VALIDATED[topic]
    return Event(
        type=validated.event_type,
        schema_version=validated.schema_version,
        source=record.source,
        sequence=record.sequence,
        key=record.key,
        event_time=record.event_time,
        known_time=record.known_time,
        basis=Basis(record.basis),
        payload=record.to_payload(),
    )
