"""Messages as records of Kafka."""

from collections.abc import Mapping
from typing import Any

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.domain.topics import choose_partition, find_topic
from tradeops.ports.event_log import Message, NewMessage

# What strangers wrote that is no UTF-8 is read all the same, so that nobody waits behind it, and written as it was.
_ESCAPED = "surrogateescape"
# A header may hold any text of Python's, lone surrogates too.
_ANY_TEXT = "surrogatepass"


def make_record(address: KafkaAddress, message: NewMessage) -> dict[str, Any]:
    """The arguments of `KafkaProducer.send`; the partition is chosen here, as every adapter chooses it.

    Raises:
        ConfigurationError: The topic is not in the catalogue.
    """
    return {
        "topic": address.name(message.topic),
        "partition": choose_partition(message.key, find_topic(message.topic).partitions),
        "key": message.key.encode(errors=_ESCAPED),
        "value": bytes(message.value),
        "headers": [(name, _write_text(text)) for name, text in message.headers.items()],
    }


def read_record(topic: str, record: Any) -> Message:
    """The message of a `ConsumerRecord`; `topic` is its name in the catalogue."""
    headers: Mapping[str, str] = {name: _read_text(data or b"") for name, data in record.headers}
    return Message(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors=_ESCAPED),
        value=record.value or b"",
        headers=headers,
    )


def _write_text(text: str) -> bytes:
    try:
        return text.encode(errors=_ESCAPED)
    except UnicodeEncodeError:
        return text.encode(errors=_ANY_TEXT)


def _read_text(data: bytes) -> str:
    try:
        text = data.decode(errors=_ANY_TEXT)
    except UnicodeDecodeError:
        return data.decode(errors=_ESCAPED)
    return text if _write_text(text) == data else data.decode(errors=_ESCAPED)
