"""Messages as records of Kafka."""

from collections.abc import Mapping
from typing import Any

from tradeops.adapters.event_log_kafka.address import KafkaAddress
from tradeops.domain.topics import choose_partition, find_topic
from tradeops.ports.event_log import Message, NewMessage

# A header may hold any text of Python's, lone surrogates too.
_ERRORS = "surrogatepass"


def make_record(address: KafkaAddress, message: NewMessage) -> dict[str, Any]:
    """The arguments of `KafkaProducer.send`; the partition is chosen here, as every adapter chooses it.

    Raises:
        ConfigurationError: The topic is not in the catalogue.
    """
    return {
        "topic": address.name(message.topic),
        "partition": choose_partition(message.key, find_topic(message.topic).partitions),
        "key": message.key.encode(),
        "value": bytes(message.value),
        "headers": [(name, text.encode(errors=_ERRORS)) for name, text in message.headers.items()],
    }


def read_record(topic: str, record: Any) -> Message:
    """The message of a `ConsumerRecord`; `topic` is its name in the catalogue."""
    headers: Mapping[str, str] = {name: text.decode(errors=_ERRORS) for name, text in record.headers}
    return Message(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key.decode(),
        value=record.value,
        headers=headers,
    )
