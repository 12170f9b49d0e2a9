"""Events as messages: what stands in their headers, so that one need not decode them to route or trace them."""

from tradeops.domain.event_schemas import encode_event
from tradeops.domain.events import Event
from tradeops.domain.topics import Topic
from tradeops.ports.event_log import Message, NewMessage

SOURCE = "tradeops"  # of events that we are the first to know
SCHEMA_VERSION = "schema_version"
TRACE = "traceparent"  # as in W3C Trace Context


def make_event_message(topic: Topic, event: Event, *, cause: Message | None = None) -> NewMessage:
    """The message of an event.

    Args:
        topic: Where it goes.
        event: What it says.
        cause: The message that it was made of, whose trace it goes on with.
    """
    headers = {SCHEMA_VERSION: str(event.schema_version)}
    if cause is not None and TRACE in cause.headers:
        headers[TRACE] = cause.headers[TRACE]
    return NewMessage(topic=topic.name, key=event.key, value=encode_event(event), headers=headers)
