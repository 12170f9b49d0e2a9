"""What a topic was told last."""

from collections.abc import Iterator

from tradeops.domain.errors import InvalidRecord
from tradeops.domain.event_schemas import decode_event
from tradeops.domain.events import Event
from tradeops.domain.topics import Topic, choose_partition
from tradeops.ports.event_log import EventLog
from tradeops.services.read_log import read_backward


def find_newest_event(log: EventLog, topic: Topic, key: str) -> Event | None:
    """The last event in the partition of a key."""
    return next(read_newest_events(log, topic, choose_partition(key, topic.partitions)), None)


def read_newest_events(log: EventLog, topic: Topic, partition: int) -> Iterator[Event]:
    """The events of a partition, the newest first; what is no event is passed over."""
    for message in read_backward(log, topic.name, partition):
        try:
            yield decode_event(message.value)
        except InvalidRecord:
            continue
