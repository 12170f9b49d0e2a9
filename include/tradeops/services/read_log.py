"""Reads partitions from either end, whatever gaps their offsets have."""

from collections.abc import Iterator, Mapping

from tradeops.ports.event_log import EventLog, Message

_PAGE = 1000
_FIRST_LOOK_BACK = 10
_BEGINNING: Mapping[int, int] = {}


def read_forward(log: EventLog, topic: str, *, since: Mapping[int, int] = _BEGINNING) -> Iterator[Message]:
    """Every message that a topic holds now, partition by partition, in order; `since` offsets, where they are given."""
    for partition, end in log.end_offsets(topic).items():
        offset = since.get(partition, 0)
        while offset < end:
            page = log.read(topic, partition, offset, min(_PAGE, end - offset))
            if not page:
                break
            yield from (message for message in page if message.offset < end)
            offset = page[-1].offset + 1


def read_backward(log: EventLog, topic: str, partition: int) -> Iterator[Message]:
    """The messages that a partition holds now, the newest first."""
    end, size = log.end_offsets(topic)[partition], _FIRST_LOOK_BACK
    while end > 0:
        start = max(0, end - size)
        page = log.read(topic, partition, start, end - start)
        yield from reversed([message for message in page if message.offset < end])
        end, size = start, min(2 * size, _PAGE)


def count_unread(log: EventLog, group: str, topic: str) -> int:
    """How many messages of a topic a group has not read yet; they are read to be counted, as offsets have gaps."""
    return sum(1 for _ in read_forward(log, topic, since=log.committed(group, topic)))


def is_read(log: EventLog, group: str, topic: str, *, until: Mapping[int, int]) -> bool:
    """Whether a group has read every message below the offsets `until`, by partition."""
    done = log.committed(group, topic)
    return all(
        done[partition] >= end
        or all(message.offset >= end for message in log.read(topic, partition, done[partition], 1))
        for partition, end in until.items()
    )
