"""Puts a source's raw records on the log, and finds out how far an interrupted run came."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tradeops.domain.canonical import to_plain
from tradeops.domain.topics import RAW_TO_VALIDATED
from tradeops.ports.event_log import EventLog, Message, NewMessage
from tradeops.ports.raw_source import RawSource
from tradeops.services.dead_letters import ATTEMPTS
from tradeops.services.read_log import read_backward

BATCH, UNTIL = "published.batch", "published.until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A range of a source's records, in windows that are appended whole.

    Args:
        batch: What the range belongs to; a run that finds its windows at the end of the log goes on
            after them. One process at a time publishes a batch.
        after: Where the range begins (left out); None is the source's beginning.
        ends: Ends of the windows, ascending, aware UTC.
        left_out: Topics and bytes of records that are not published: they are dead letters already,
            and a redrive is what sends them again.
    """

    batch: str
    after: datetime | None
    ends: Sequence[datetime]
    left_out: Collection[tuple[str, bytes]] = ()


def publish_records(log: EventLog, source: RawSource, publication: Publication) -> int:
    """Append what of the range is not on the log yet; each window is durable or absent.

    Returns:
        How many records were appended by this call.
    """
    published, after = 0, _find_progress(log, publication)
    for end in publication.ends:
        if after is not None and end <= after:
            continue
        headers = {BATCH: publication.batch, UNTIL: str(to_plain(end))}
        messages = [
            NewMessage(topic=record.topic, key=record.key, value=record.value, headers=headers)
            for record in source.read(after=after, until=end)
            if (record.topic, record.value) not in publication.left_out
        ]
        log.append(messages)
        published, after = published + len(messages), end
    return published


def _find_progress(log: EventLog, publication: Publication) -> datetime | None:
    newest = [message.headers for message in _list_newest(log)]
    reached = [_read_time(headers[UNTIL]) for headers in newest if headers[BATCH] == publication.batch]
    if publication.after is not None:
        reached.append(publication.after)
    return max(reached, default=None)


def _list_newest(log: EventLog) -> Iterator[Message]:
    """The last message of each raw partition that a source published; redriven ones are passed over."""
    for topic in RAW_TO_VALIDATED:
        for partition in log.end_offsets(topic):
            for message in read_backward(log, topic, partition):
                if UNTIL in message.headers and ATTEMPTS not in message.headers:
                    yield message
                    break


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
